"""The ledger: what was received of each stream and what became of it, read in one snapshot."""

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from db.bulk import quoted
from db.engine import Database, Session
from db.raw import table_of
from migration_core.outcome import Outcome


@dataclass(frozen=True, slots=True)
class StreamLedger:
    """One stream: received = applied + superseded + filtered + parked + rejected + pending."""

    stream: str
    state: str
    reason: str
    received: int
    applied: int
    superseded: int
    filtered: int
    parked: int
    rejected: int
    parked_keys: int
    lanes_with_work: int
    halted_lanes: int
    head_time: int | None
    """Kafka's time of the newest stored row, ms since the epoch."""
    stream_open: bool
    """Whether every lane is past the snapshot's barrier."""
    oldest_time: int | None = None
    """Kafka's time of the oldest row that waits to be applied, ms since the epoch."""

    @property
    def pending(self) -> int:
        """Rows beyond the watermarks."""
        return self.received - self.applied - self.superseded - self.filtered - self.parked - self.rejected


@dataclass(frozen=True, slots=True)
class Remainder:
    """What the rows themselves say against the counters of one stream; all zero when the ledger is true."""

    stream: str
    rows_beside_heads: int
    """Raw rows and purged ones less what the lane heads count."""
    outcomes_beside_counts: int
    """Rows of `row_outcome` less the parked and rejected counts."""
    done_beside_counts: int
    """Raw rows at or below the watermarks, less all five counts."""
    outcomes_without_row: int

    @property
    def total(self) -> int:
        """How far the ledger is from the truth, in rows."""
        return (
            abs(self.rows_beside_heads)
            + abs(self.outcomes_beside_counts)
            + abs(self.done_beside_counts)
            + self.outcomes_without_row
        )


def ledger(database: Database) -> list[StreamLedger]:
    """All streams in order of their names."""
    with database.snapshot(seconds=10) as session:
        rows = session.rows(
            "SELECT s.name, t.state, t.reason, SUM(h.`rows`), SUM(p.n_applied), SUM(p.n_superseded), "
            "SUM(p.n_filtered), SUM(p.n_parked), SUM(p.n_rejected), SUM(p.parked), "
            "SUM(LEAST(h.head, p.open_to) > p.applied), SUM(p.halted IS NOT NULL), MAX(h.head_time), "
            "MIN(p.open_to >> 51 >= c.generation) "
            "FROM stream s JOIN stream_state t USING (stream_id) JOIN stream_counter c USING (stream_id) "
            "JOIN lane_head h USING (stream_id) JOIN lane_progress p USING (stream_id, lane) "
            "GROUP BY s.name, t.state, t.reason ORDER BY s.name"
        )
        found = [_ledger_of(row) for row in rows]
        return [replace(one, oldest_time=_oldest_time(session, one.stream)) if one.pending else one for one in found]


def remainders(database: Database) -> list[Remainder]:
    """Prove the counters from the rows; a full count of raw, so for drained streams and small ones."""
    with database.transaction() as session:
        streams = session.rows("SELECT stream_id, name FROM stream JOIN stream_state USING (stream_id) ORDER BY name")
    found = []
    for stream_id, name in streams:
        with database.snapshot(seconds=600) as session:
            found.append(_remainder(session, stream_id, name))
    return found


def _ledger_of(row: tuple[Any, ...]) -> StreamLedger:
    *values, stream_open = map(_plain, row)
    names = [one.name for one in fields(StreamLedger)][:-1]
    return StreamLedger(**dict(zip(names, [*values, bool(stream_open)], strict=True)))


def _oldest_time(session: Session, stream: str) -> int | None:
    """One look by primary key for each lane that has work."""
    found = session.one(
        "SELECT MIN(r.time) FROM stream s JOIN lane_head h USING (stream_id) JOIN lane_progress p "
        f"USING (stream_id, lane) JOIN LATERAL (SELECT time FROM {quoted(table_of(stream))} "
        "WHERE lane = h.lane AND sequence > p.applied ORDER BY sequence LIMIT 1) r "
        "WHERE s.name = %s AND LEAST(h.head, p.open_to) > p.applied",
        (stream,),
    )
    return None if found is None else found[0]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column of any type
    """MySQL sums integers to DECIMAL."""
    return int(value) if isinstance(value, Decimal) else value


def _remainder(session: Session, stream_id: int, name: str) -> Remainder:
    table = quoted(table_of(name))
    raw, done = _counts(
        session,
        f"SELECT COUNT(*), COALESCE(SUM(r.sequence <= p.applied), 0) FROM {table} r "
        "JOIN lane_progress p ON p.stream_id = %s AND p.lane = r.lane",
        stream_id,
    )
    purged, purged_rejected = _counts(
        session, "SELECT SUM(purged), SUM(purged_rejected) FROM lane_source_audit WHERE stream_id = %s", stream_id
    )
    heads, _ = _counts(session, "SELECT SUM(`rows`), 0 FROM lane_head WHERE stream_id = %s", stream_id)
    counted, kept = _counts(
        session,
        "SELECT SUM(n_applied + n_superseded + n_filtered + n_parked + n_rejected), SUM(n_parked + n_rejected) "
        "FROM lane_progress WHERE stream_id = %s",
        stream_id,
    )
    outcomes, orphans = _counts(
        session,
        f"SELECT COUNT(*), COALESCE(SUM(r.lane IS NULL), 0) FROM row_outcome o LEFT JOIN {table} r "
        f"ON r.lane = o.lane AND r.sequence = o.sequence WHERE o.stream_id = %s "
        f"AND o.outcome IN ({int(Outcome.PARKED)}, {int(Outcome.REJECTED)})",
        stream_id,
    )
    return Remainder(name, raw + purged - heads, outcomes + purged_rejected - kept, done + purged - counted, orphans)


def _counts(session: Session, sql: str, stream_id: int) -> tuple[int, int]:
    first, second = session.one(sql, (stream_id,)) or (0, 0)
    return int(first or 0), int(second or 0)
