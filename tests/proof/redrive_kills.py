"""Redrives killed at random moments beside a running worker: the end is what a plain fold of the source says."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from db.breaker import set_limit
from migration_core.breaker import BreakerLimit
from migration_core.steps import Step
from tests.integration.applying import Applying
from tests.integration.emptying import emptied
from tests.integration.evidence import audited
from tests.proof.killing import Killer
from tests.proof.redrive_source import People, Trips

STEPS = [step for step in Step if step.startswith("redrive.")]
_MENDED = ("TYPE_MISMATCH", "CHECK_VIOLATION")
_NO_BREAKER = BreakerLimit(None, 1000, None)
_PAUSE_SECONDS = 0.05


def killed_and_resumed(world: Applying, folder: Path, *, kills: int, seed: int, rows: int = 1500) -> Counter[str]:
    """Reject, mend and redrive until so many were killed; AssertionError names the seed and what differs."""
    dice = random.Random(seed)
    killer = Killer(folder, dice, kills, STEPS)
    while killer.left:
        where = f"seed {seed}, {killer.left} of {kills} kills left"
        emptied(world)
        people, trips = People(dice, rows // 5), Trips(dice, rows // 20)
        _reject(world, people, trips, rows)
        with _mended(world):
            _redrive(world, people, trips, killer, where)
            _ended_well(world, people, trips, where)
    return killer.fell


def _reject(world: Applying, people: People, trips: Trips, rows: int) -> None:
    with world.database.transaction() as session:
        for (stream_id,) in session.rows("SELECT stream_id FROM stream"):
            set_limit(session, stream_id, _NO_BREAKER)
    world.put("people", people.more(rows))
    world.put("trips", trips.more(rows))
    world.drain()


@contextmanager
def _mended(world: Applying) -> Iterator[None]:
    """The mapping takes numbers for texts, and the table takes every age."""
    mapping = world.mapping_text
    for column in ("name", "stage"):
        mapping = mapping.replace(f"{column}: $.{column}", f"{column}: {{path: $.{column}, coerce: true}}")
    world.mapping_file.write_text(mapping, encoding="utf-8")
    world.rows("ALTER TABLE {target}.people ALTER CHECK grown NOT ENFORCED")
    try:
        yield
    finally:
        world.stop()
        world.rows("DELETE FROM {target}.people")
        world.rows("ALTER TABLE {target}.people ALTER CHECK grown ENFORCED")


def _redrive(world: Applying, people: People, trips: Trips, killer: Killer, where: str) -> None:
    world.start()
    patterns = world.rows(
        "SELECT hash FROM reject_pattern WHERE rejects > 0 AND code IN %s AND shape NOT LIKE '%%object%%' "
        "ORDER BY hash",
        _MENDED,
    )
    killer.dice.shuffle(patterns)
    with _living(world, people, trips):
        for (pattern,) in patterns:
            killer.to_its_end(["rejects", "redrive", str(pattern), "--json"], world.environment)
    world.until_drained()


@contextmanager
def _living(world: Applying, people: People, trips: Trips) -> Iterator[None]:
    """Changes of the same keys go on arriving while the block runs."""
    over = Event()

    def live() -> None:
        while not over.wait(_PAUSE_SECONDS):
            world.put("people", people.more(20))
            world.put("trips", trips.more(10))
            world.ring()

    thread = Thread(target=live, name="platform")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _ended_well(world: Applying, people: People, trips: Trips, where: str) -> None:
    offsets = {
        stream: dict(world.rows(f"SELECT sequence, source_offset FROM raw_{stream}")) for stream in ("people", "trips")
    }
    phones: dict[object, tuple[object, ...]] = {}
    for id_, number in world.rows("SELECT person_id, number FROM {target}.phones ORDER BY number"):
        phones[id_] = (*phones.get(id_, ()), number)
    _same(
        {
            id_: (name, age, phones.pop(id_, ()), offsets["people"][sequence])
            for id_, name, age, sequence in world.rows("SELECT id, name, age, source_sequence FROM {target}.people")
        },
        people.rows(),
        f"{where}: people",
    )
    _equal("phones of nobody", phones, {}, where)
    _same(
        {
            id_: (stage, delay, offsets["trips"][sequence])
            for id_, stage, delay, sequence in world.rows(
                "SELECT id, stage, delay, source_sequence FROM {target}.trips"
            )
        },
        trips.rows(),
        f"{where}: trips",
    )
    for stream, source in (("people", people), ("trips", trips)):
        _equal(f"rejects of {stream}", [offset for offset, *_ in world.rejects(stream)], source.rejected(), where)
    _equal("parked", (world.ledger("people").parked, world.ledger("trips").parked), (0, len(trips.parked())), where)
    _counted(world, where)
    _equal("remainders", world.remainders(), [], where)
    _equal("audit", audited(world.database), [], where)


def _counted(world: Applying, where: str) -> None:
    """Patterns count their rejects, and every reject of full images was tried once, whatever died in between."""
    listed = dict(world.rows("SELECT pattern_id, rejects FROM reject_pattern WHERE rejects > 0"))
    counted = dict(world.rows("SELECT pattern_id, COUNT(*) FROM reject GROUP BY pattern_id"))
    _equal("rejects of patterns", listed, counted, where)
    open_ = world.rows("SELECT attempt_id FROM redrive_attempt WHERE finished_at IS NULL")
    _equal("attempts that nobody finished", open_, [], where)
    tried = world.rows(
        "SELECT pattern_id, SUM(n_tried), MAX(rejects_before) FROM redrive_attempt JOIN reject_pattern "
        "USING (pattern_id) JOIN stream s USING (stream_id) WHERE s.name = 'people' GROUP BY pattern_id"
    )
    _equal("(pattern, tried, rejects before)", [one for one in tried if one[1] != one[2]], [], where)


def _same(actual: dict[object, object], expected: dict[object, object], where: str) -> None:
    wrong = {key for key in actual.keys() | expected.keys() if actual.get(key) != expected.get(key)}
    told = [(key, actual.get(key), expected.get(key)) for key in sorted(wrong)[:5]]
    assert not wrong, f"{where}: {len(wrong)} differ, such as (key, is, must be) {told}"


def _equal(what: str, actual: object, expected: object, where: str) -> None:
    assert actual == expected, f"{where}: {what}: {actual}, and must be {expected}"
