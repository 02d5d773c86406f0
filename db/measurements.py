"""How far each stream was at regular moments: what charts and estimates are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from db.engine import Database
from db.ledger import ledger

EVERY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Measurement:
    """One stream at one moment; counts are totals since the beginning."""

    stream: str
    measured_at: datetime
    received: int
    done: int
    """Rows with an outcome of any kind."""
    rejected: int
    pending: int
    unread: int | None
    lag_ms: int | None


def measure(database: Database, *, now_ms: int, unread: Mapping[str, int] | None = None) -> None:
    """Keep one row a stream and half minute, whoever and however many call; two cheap statements."""
    streams = ledger(database)
    if not streams:
        return
    values: list[object] = []
    for one in streams:
        lag = None if one.pending and one.oldest_time is None else max(0, now_ms - (one.oldest_time or now_ms))
        done = one.received - one.pending
        left = None if unread is None else unread.get(one.stream)
        values += [one.received, done, one.parked, one.rejected, one.pending, left, lag, one.stream]
    row = (
        f"SELECT stream_id, FROM_UNIXTIME(FLOOR(UNIX_TIMESTAMP() / {EVERY_SECONDS}) * {EVERY_SECONDS}), "
        "%s, %s, %s, %s, %s, %s, %s FROM stream WHERE name = %s"
    )
    with database.transaction() as session:
        # IGNORE because the first measurement of a half minute stands; every value is a count of our own.
        session.execute(
            "INSERT IGNORE INTO measurement "
            "(stream_id, measured_at, received, done, parked, rejected, pending, unread, lag_ms) "
            + " UNION ALL ".join([row] * len(streams)),
            values,
        )


def measurements(database: Database) -> list[Measurement]:
    """All of them in order of time."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, m.measured_at, m.received, m.done, m.rejected, m.pending, m.unread, m.lag_ms "
            "FROM measurement m JOIN stream s USING (stream_id) ORDER BY m.measured_at, s.name"
        )
    return [Measurement(*row) for row in rows]


def rates(found: Sequence[Measurement]) -> list[float]:
    """Rows a second over all streams between two measurements, where there was work at both. Pure."""
    moments: dict[datetime, list[int]] = {}
    for one in found:
        sums = moments.setdefault(one.measured_at, [0, 0])
        sums[0] += one.done
        sums[1] += one.pending
    ordered = sorted(moments.items())
    return [
        (after[0] - before[0]) / (later - earlier).total_seconds()
        for (earlier, before), (later, after) in pairwise(ordered)
        if before[1] and after[1] and after[0] > before[0]
    ]
