"""Corruptions of a whole example: each found at its row and column and nothing else, also while a writer runs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event, Thread

from examples.scenario import Scenario, SourceRecord
from local_stack.servers import Servers
from tests.integration.verifying import found, verified
from tests.proof.corrupting import Place, corrupt
from tests.proof.loaded import Loaded, loaded


def prove(servers: Servers, example: Scenario, folder: Path, *, count: int, seed: int) -> Counter[str]:
    """{kind: how many were done and found}; AssertionError where anything was missed or invented.

    Quiet, and while the example's live changes are applied.
    """
    with loaded(servers, example, folder, lanes=8) as world:
        world.load(world.scenario.initial())
        live = list(islice(world.scenario.live(), 60_000))
        changing = {world.entity(record) for record in live}
        _same("clean", set(), found(world, verified(world)))
        with writing(world, live[: len(live) // 3]):
            _same("clean, with a writer", set(), found(world, verified(world, workers=2)))
        damage = corrupt(
            world.database, world.mapping, count, seed=seed, spare=lambda stream, key: (stream, key) in changing
        )
        assert damage.kinds.total() == count, f"only {damage.kinds.total():,} of {count:,} corruptions could be done"
        with writing(world, live[len(live) // 3 :]):
            _same("with a writer", damage.places, found(world, verified(world, workers=2)))
        _same("quiet again", damage.places, found(world, verified(world)))
        return damage.kinds


@contextmanager
def writing(world: Loaded, records: Sequence[SourceRecord]) -> Iterator[None]:
    """Store and apply `records` in a thread while the block runs, bit by bit; all of them by its end."""
    over = Event()

    def write() -> None:
        work = world.work()
        for start in range(0, len(records), 500):
            for _ in world.store(records[start : start + 500]):
                world.drain(work)
            over.wait(0.05)
        work.database.close()

    thread = Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _same(what: str, expected: set[Place], actual: set[Place]) -> None:
    told = [
        f"{number:,} times {name} {table} {kind} {column}"
        for name, places in (("missed", expected - actual), ("invented", actual - expected))
        for (table, kind, column), number in Counter((p[0], p[1], p[3]) for p in places).most_common(5)
    ]
    assert not told, f"{what}: of {len(expected):,} places {'; '.join(told)}"
