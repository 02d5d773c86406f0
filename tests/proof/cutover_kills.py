"""Cut-overs in processes that are killed at random moments: each must end as if nothing had happened."""

import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from db.cutover_store import CutoverStore
from db.engine import Database
from migration_core.cutover import FORWARD, CutoverStep
from migration_verifier.cutover import Hooks
from runtime.mapping_file import compiled
from tests.integration.applying import Applying
from tests.integration.cutting_over import CuttingOver

_LONGEST_SECONDS = 0.6
_PATIENCE_SECONDS = 60
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


def killed_and_resumed(night: CuttingOver, *, kills: int, seed: int) -> Counter[str]:
    """Cut over until so many processes were killed; AssertionError names the seed and the cut-over that differs.

    Returns {the cut-over's step when the kill fell: how often}.
    """
    chance = random.Random(seed)
    left = kills
    fell: Counter[str] = Counter()
    while left:
        night.reset()
        cutover_id = night.begin()
        while night.store.active() is not None:
            with _runner(night) as (process, began):
                assert began.wait(_PATIENCE_SECONDS), f"seed {seed}: the runner did not begin"
                process.join(chance.uniform(0, _LONGEST_SECONDS) if left else _PATIENCE_SECONDS)
                if process.exitcode is None and left:
                    process.kill()
                    left -= 1
                    fell[_step(night)] += 1
        _ended_well(night, f"seed {seed}, cut-over {cutover_id}, {left} of {kills} kills left")
    return fell


def _step(night: CuttingOver) -> str:
    at = night.store.latest()
    return "none" if at is None else at.step.value


def _ended_well(night: CuttingOver, where: str) -> None:
    at = night.store.latest()
    assert at is not None, where
    assert at.step is CutoverStep.DONE, (where, at)
    assert night.steps() == ALL, where
    assert {hook for hook, _ in night.calls} == {"freeze", "switch"}, where
    assert len({token for _, token in night.calls}) == 2, where
    assert (night.states(), night.triggers()) == ({"paused"}, 0), where


@contextmanager
def _runner(night: CuttingOver) -> Iterator[tuple[BaseProcess, Event]]:
    hooks = {step.value: hook for step, hook in night.hooks.by_step.items()}
    world = night.applying
    place = Place(world.name, world.url, str(world.mapping_file), str(night.folder), night.config, hooks)
    began = _spawn.Event()
    process = _spawn.Process(target=run_night, args=(place, began), daemon=True)
    process.start()
    try:
        yield process, began
    finally:
        process.kill()
        process.join()
        process.close()


def run_night(place: Place, began: Event) -> None:
    """In the other process: approve when asked, and run to an end."""
    database = Database(place.url, applies_lanes=True)
    mapping_file = Path(place.mapping_file)
    world = Applying(place.name, place.url, database, mapping_file, compiled(mapping_file), "", None, {})  # type: ignore[arg-type]
    hooks = Hooks({CutoverStep(step): hook for step, hook in place.hooks.items()})
    night = CuttingOver(world, Path(place.folder), place.config, CutoverStore(database), hooks, hooks)
    night.at_look = night.approve_when_asked
    began.set()
    if night.store.active() is not None:
        night.run()
