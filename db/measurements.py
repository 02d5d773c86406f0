"""How far the streams were at regular moments: what charts and estimates are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from db.engine import Database
from db.ledger import StreamLedger, ledger

EVERY_SECONDS = 30
_MOST = 2_000
"""Moments that are read back, however long it has run."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All streams together at one moment; counts are totals since the beginning."""

    measured_at: datetime
    done: int
    """Rows with an outcome of any kind."""
    rejected: int
    pending: int
    lag_ms: int | None


def measure(database: Database, *, now_ms: int, unread: Mapping[str, int] | None = None) -> None:
    """Keep one row a stream and half minute, whoever and however many call; two cheap statements."""
    streams = ledger(database)
    if not streams:
        return
    values: list[object] = []
    for one in streams:
        lag = _lag_ms(one, now_ms)
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


def _lag_ms(one: StreamLedger, now_ms: int) -> int | None:
    """How old the oldest row that waits is; what a snapshot holds may be of any age, and tells nothing."""
    if not one.stream_open or (one.pending and one.oldest_time is None):
        return None
    return max(0, now_ms - (one.oldest_time or now_ms))


def moments(database: Database, *, most: int = _MOST) -> list[Moment]:
    """In order of time; of a long history, spans of equal length: its totals, its least work and its longest lag."""
    with database.transaction() as session:
        found = session.one("SELECT TIMESTAMPDIFF(SECOND, MIN(measured_at), MAX(measured_at)) FROM measurement")
        width = max(EVERY_SECONDS, -(-int(found[0] or 0) // most) if found else 0)
        rows = session.rows(
            "SELECT MAX(measured_at), MAX(done), MAX(rejected), MIN(pending), MAX(lag_ms) FROM "
            "(SELECT measured_at, SUM(done) AS done, SUM(rejected) AS rejected, SUM(pending) AS pending, "
            "MAX(lag_ms) AS lag_ms FROM measurement GROUP BY measured_at) AS m "
            "GROUP BY FLOOR(UNIX_TIMESTAMP(measured_at) / %s) ORDER BY 1",
            (width,),
        )
    return [
        Moment(at, int(done), int(rejected), int(pending), None if lag is None else int(lag))
        for at, done, rejected, pending, lag in rows
    ]


def rates(found: Sequence[Moment]) -> list[float]:
    """Rows a second between two moments that both had work. Pure."""
    return [
        (now.done - before.done) / (now.measured_at - before.measured_at).total_seconds()
        for before, now in pairwise(found)
        if before.pending and now.pending and now.done > before.done
    ]
