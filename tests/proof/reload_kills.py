"""Reloads killed at random moments while changes and deletes arrive: the end is what the platform holds."""

import random
from collections import Counter
from pathlib import Path

from migration_core.steps import Step
from tests.integration.evidence import audited
from tests.integration.reloading import Reloading
from tests.proof.killing import Killer

CUT_STEPS = [step for step in Step if step.startswith("reload.") and step is not Step.RELOAD_KEYS_SWEPT]
LOAD_STEPS = [step for step in Step if step.startswith("loader.")] + [Step.RELOAD_KEYS_SWEPT]


def killed_and_resumed(world: Reloading, folder: Path, *, kills: int, seed: int, keys: int = 600) -> Counter[str]:
    """Reload until so many were killed; AssertionError names the seed and what differs."""
    killer = Killer(folder, random.Random(seed), kills, CUT_STEPS + LOAD_STEPS)
    for number in range(keys):
        world.platform.put("people", f"k{number}", name=f"first{number}")
        world.platform.put("trips", f"k{number}", stage="first", delay=number)
    world.begin("people", "trips")
    rounds, silent = 0, set[str]()
    while killer.left:
        rounds += 1
        where = f"seed {seed}, reload {rounds}, {killer.left} of {kills} kills left"
        world.platform.live()
        try:
            _reload(world, killer, rounds, silent)
            world.platform.rest()
            world.expect_same()
            assert world.rows("SELECT state, COUNT(*) FROM reload GROUP BY state") == [("done", rounds)]
            assert audited(world.database) == []
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error
    world.expect_equal()
    return killer.fell


def _reload(world: Reloading, killer: Killer, number: int, silent: set[str]) -> None:
    """A snapshot of the platform that heals what never reached the topics, or in turn one that is made from these."""
    folder = str(world.folder / f"again-{number}")
    environment = world.children.environment
    if number % 3 == 0:
        _tell(world, silent)
        killer.to_its_end(["reload", "people", "--snapshot", folder, "--take"], environment)
        return
    stream = killer.dice.choice(["people", "trips"])
    silent |= _drift(world, stream, killer.dice, number)
    killer.to_its_end(["reload", stream], environment, CUT_STEPS)
    world.platform.export(stream, Path(folder))
    killer.to_its_end(["reload", stream, "--snapshot", folder], environment, LOAD_STEPS)


def _drift(world: Reloading, stream: str, dice: random.Random, number: int) -> set[str]:
    """Documents changed, made and gone that the topic never told of; their keys."""
    keys = sorted(key for key in world.platform.held[stream] if key.startswith("k"))
    told = {"name": f"silent{number}"} if stream == "people" else {"stage": "silent", "delay": number}
    changed = {*dice.sample(keys, len(keys) // 3), *(f"k{number}-{made}" for made in range(len(keys) // 10))}
    for key in sorted(changed):
        world.platform.put(stream, key, told=False, **told)
    gone = dice.sample(keys, len(keys) // 10)
    for key in gone:
        world.platform.remove(stream, key, told=False)
    return {*changed, *gone}


def _tell(world: Reloading, silent: set[str]) -> None:
    """The topic of people holds the newest state of every key again."""
    for key in sorted(silent):
        if key in world.platform.held["people"]:
            world.platform.put("people", key)
        else:
            world.platform.put("people", key, told=False, name="gone")
            world.platform.remove("people", key)
    silent.clear()
