"""`python -m tests.proof.corruptions`: 10,000 corruptions of both examples, all found, also while a writer runs."""

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from examples.flights.scenario import Flights
from examples.health_devices.population import Sizes
from examples.health_devices.scenario import HealthDevices
from examples.scenario import Scenario, SourceRecord
from local_stack.choice import choose
from local_stack.servers import Servers
from tests.integration.verifying import found, verified
from tests.proof.corrupting import Place, corrupt
from tests.proof.loaded import Loaded, loaded


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every corruption is found at its row and column, and nothing else anywhere."""
    parser = ArgumentParser(prog="python -m tests.proof.corruptions", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="corruptions over both examples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=2_000, help="size of the health example")
    options = parser.parse_args(arguments)
    chosen = choose(say=_say)
    examples: list[Scenario] = [HealthDevices(Sizes.of_users(options.users)), Flights(Path(".stack/cache"), months=1)]
    try:
        share = options.count // len(examples)
        bad = [prove(chosen.servers, one, share, options.seed) for one in examples]
    finally:
        chosen.stop()
    return 1 if any(bad) else 0


def prove(servers: Servers, example: Scenario, count: int, seed: int) -> bool:
    """Whether anything was missed or invented, quiet or while the example's live changes are applied."""
    with TemporaryDirectory() as folder, loaded(servers, example, Path(folder), lanes=8) as world:
        world.load(world.scenario.initial())
        live = list(islice(world.scenario.live(), 60_000))
        changing = {world.entity(record) for record in live}
        bad = _told(f"{example.name}, clean", set(), found(world, verified(world)))
        with writing(world, live[: len(live) // 3]):
            bad |= _told(f"{example.name}, clean, with a writer", set(), found(world, verified(world, workers=2)))
        damage = corrupt(
            world.database, world.mapping, count, seed=seed, spare=lambda stream, key: (stream, key) in changing
        )
        _say(f"  {damage.kinds.total():,} corruptions: {dict(sorted(damage.kinds.items()))}")
        with writing(world, live[len(live) // 3 :]):
            bad |= _told(f"{example.name}, with a writer", damage.places, found(world, verified(world, workers=2)))
        return _told(f"{example.name}, quiet again", damage.places, found(world, verified(world))) or bad


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


def _told(what: str, expected: set[Place], actual: set[Place]) -> bool:
    missed, invented = expected - actual, actual - expected
    _say(f"{what}: {len(expected):,} places, {len(missed):,} missed, {len(invented):,} invented")
    for name, places in (("missed", missed), ("invented", invented)):
        for (table, kind, column), some in Counter((p[0], p[1], p[3]) for p in places).most_common(5):
            _say(f"  {name}: {some:,} times {table} {kind} {column}")
    return bool(missed or invented)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
