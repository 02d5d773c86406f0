"""Cut-overs in processes that are killed at random moments: each must end as if nothing had happened."""

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from db.cutover_store import CutoverStore
from db.engine import Database
from migration_core.cutover import FORWARD, CutoverStep
from migration_core.steps import Step
from migration_verifier.cutover import Hooks
from runtime.mapping_file import compiled
from tests.integration.applying import Applying
from tests.integration.cutting_over import CuttingOver
from tests.proof.killing import Killer, Told, ended_afterwards, told_to

ALL = [(step.value, "passed") for step in FORWARD]
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Place:
    """What another process needs to find the same night."""

    name: str
    url: str
    mapping_file: str
    folder: str
    config: dict[str, str]
    hooks: dict[str, str]
    pipe: str
    """Takes the step of the cut-over, whenever one of the protocol is passed."""


def killed_and_resumed(night: CuttingOver, *, kills: int, seed: int) -> Counter[str]:
    """Cut over until so many processes were killed; AssertionError names the seed and the cut-over that differs.

    Returns {the cut-over's step when the kill fell: how often}.
    """
    killer = Killer(night.folder, random.Random(seed), kills, FORWARD)
    while killer.left:
        night.reset()
        cutover_id = night.begin()
        while night.store.active() is not None:
            with _runner(night, f"seed-{seed}-{killer.begun}.steps") as told:
                if not killer.kills(told):
                    told.until_its_end()
        _ended_well(night, f"seed {seed}, cut-over {cutover_id}, {killer.left} of {kills} kills left")
    return killer.fell


def _ended_well(night: CuttingOver, where: str) -> None:
    at = night.store.latest()
    assert at is not None, where
    assert at.step is CutoverStep.DONE, (where, at)
    assert night.steps() == ALL, where
    assert {hook for hook, _ in night.calls} == {"freeze", "switch"}, where
    assert len({token for _, token in night.calls}) == 2, where
    assert (night.states(), night.triggers()) == ({"paused"}, 0), where


@contextmanager
def _runner(night: CuttingOver, pipe_name: str) -> Iterator[Told]:
    hooks = {step.value: hook for step, hook in night.hooks.by_step.items()}
    world = night.applying
    with told_to(night.folder / pipe_name) as pipe:
        place = Place(
            world.name, world.url, str(world.mapping_file), str(night.folder), night.config, hooks, str(pipe.path)
        )
        process = _spawn.Process(target=run_night, args=(place,), daemon=True)
        process.start()
        with ended_afterwards(process):
            yield Told(process, pipe.reader)


def run_night(place: Place) -> None:
    """In the other process: approve when asked, and run to an end."""
    database = Database(place.url, applies_lanes=True)
    mapping_file = Path(place.mapping_file)
    world = Applying(place.name, place.url, database, mapping_file, compiled(mapping_file), "", None, {})  # type: ignore[arg-type]
    hooks = Hooks({CutoverStep(step): hook for step, hook in place.hooks.items()})
    night = CuttingOver(world, Path(place.folder), place.config, CutoverStore(database), hooks, hooks)
    night.at_look = night.approve_when_asked
    line = os.open(place.pipe, os.O_WRONLY)

    def reached(_step: Step) -> None:
        at = night.store.latest()
        assert at is not None
        os.write(line, f"{at.step}\n".encode())

    if night.store.active() is not None:
        night.run(reached)
