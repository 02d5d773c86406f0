"""Removing raw rows that nothing needs any more, so that the ledger stays exact: each removal is counted with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from db import lanes, verify_store
from db.bulk import quoted
from db.engine import Database, Session
from db.raw import table_of
from migration_core.errors import Halted
from migration_core.purging import Outdated, PurgeFacts, Settled
from migration_core.sequence import NUMBER_BITS
from migration_core.steps import Reached, Step, nothing

AT_ONCE = 1000
"""Rows of one transaction: it holds the lane for some 50 ms."""
_READ_ROWS = 20_000
_KEYS_IN_MEMORY = 200_000
KEPT_RUNS = ("accept_gap", "accept_partitions", "reload", "cutover")
"""Runs that the sign-off tells of for ever."""


@dataclass(frozen=True, slots=True)
class PurgedLane:
    """One lane as far as it may be purged: never beyond what the audit has proven."""

    stream_id: int
    stream: str
    lane: int
    audited: int
    rows: int


def purge_facts(database: Database, stream: str) -> PurgeFacts:
    """What decides about `stream`, in one statement."""
    with database.transaction() as session:
        row = session.one(
            "SELECT s.partial, t.state = 'paused', "
            "(SELECT COUNT(*) FROM ledger_remainder r WHERE r.stream_id = s.stream_id AND r.gone_at IS NULL), "
            "(SELECT COUNT(*) FROM snapshot n WHERE n.stream_id = s.stream_id AND n.state = 'loading'), "
            "SUM(h.`rows`) - SUM(p.n_applied + p.n_superseded + p.n_filtered + p.n_parked + p.n_rejected), "
            "SUM(p.audited < p.applied OR a.looked_at IS NULL), SUM(p.parked), "
            "(SELECT COUNT(*) FROM reject j JOIN reject_pattern q USING (pattern_id) "
            "WHERE j.stream_id = s.stream_id AND q.state = 'open') "
            "FROM stream s JOIN stream_state t USING (stream_id) JOIN lane_head h USING (stream_id) "
            "JOIN lane_progress p USING (stream_id, lane) LEFT JOIN lane_audit a USING (stream_id, lane) "
            "WHERE s.name = %s GROUP BY s.stream_id, s.partial, t.state",
            (stream,),
        )
    if row is None:
        raise Halted(f"stream {stream!r} vanished: restore the control schema")
    partial, paused, *counts = row
    return PurgeFacts(stream, bool(partial), bool(paused), *map(int, counts))


def purged_lanes(database: Database, stream: str) -> list[PurgedLane]:
    """The lanes of a stream in order, with how far each may be purged now."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT stream_id, s.name, p.lane, p.audited, h.`rows` FROM stream s "
            "JOIN lane_progress p USING (stream_id) JOIN lane_head h USING (stream_id, lane) "
            "WHERE s.name = %s ORDER BY p.lane",
            (stream,),
        )
    return [PurgedLane(*row) for row in rows]


def outdated(database: Database, lane: PurgedLane, before: datetime) -> Iterator[list[int]]:
    """Sequences of rows older than `before` that a later good row of their key has outdated, some at a time.

    The lane is walked once for each slice of its keys, so that memory does not grow with it.
    """
    # The lower half of the hash is what the lane was chosen by: slices of it would be all or nothing.
    slices = lane.rows // _KEYS_IN_MEMORY + 1
    for one in range(slices):
        finder = Outdated()
        for rows in _settled(database, lane, before, f"AND (r.key_hash >> 32) %% {slices} = {one}"):
            yield finder.among(rows)


def old(database: Database, lane: PurgedLane, before: datetime) -> Iterator[list[int]]:
    """Sequences of all audited rows of a lane older than `before`, some at a time."""
    after = 0
    while True:
        with database.transaction() as session:
            rows = session.rows(
                f"SELECT r.sequence, {_OLD} FROM {quoted(table_of(lane.stream))} r {_BEGAN} "
                "WHERE r.lane = %s AND r.sequence > %s AND r.sequence <= %s ORDER BY r.sequence LIMIT %s",
                (before, before, lane.stream_id, lane.lane, after, lane.audited, _READ_ROWS),
            )
        if not rows:
            return
        yield [sequence for sequence, is_old in rows if is_old]
        after = rows[-1][0]


def remove(
    database: Database, lane: PurgedLane, sequences: Sequence[int], *, outcomes: bool, reached: Reached = nothing
) -> bool:
    """Remove these rows, with their outcomes if asked to, and count them; False when the lane is held or halted.

    Without `outcomes` a row that has one by now is a row that something needs, and stays.
    """
    marks = ", ".join(map(str, sequences))
    with database.transaction() as session:
        if not lanes.lock(session, lane.stream_id, [lane.lane]):
            return False
        # The audit's own look is void from here on: it may have counted rows that go now.
        session.execute(
            "UPDATE lane_audit SET epoch = epoch + 1, purged_to = GREATEST(purged_to, %s) "
            "WHERE stream_id = %s AND lane = %s",
            (max(sequences), lane.stream_id, lane.lane),
        )
        _count(session, lane, marks, outcomes=outcomes)
        reached(Step.PURGE_COUNTED)
        if outcomes:
            session.execute(
                f"DELETE FROM row_outcome WHERE stream_id = %s AND lane = %s AND sequence IN ({marks})",
                (lane.stream_id, lane.lane),
            )
        session.execute(
            f"DELETE r FROM {quoted(table_of(lane.stream))} r LEFT JOIN row_outcome o ON o.stream_id = %s "
            f"AND o.lane = r.lane AND o.sequence = r.sequence WHERE r.lane = %s AND r.sequence IN ({marks}) "
            f"AND r.sequence <= %s AND o.lane IS NULL",
            (lane.stream_id, lane.lane, lane.audited),
        )
        reached(Step.PURGE_DELETED)
    reached(Step.PURGE_COMMITTED)
    return True


def finished_runs(database: Database, before: datetime, verified_from: int) -> int:
    """How many finished runs `remove_runs` would remove."""
    with database.transaction() as session:
        found = session.one(f"SELECT COUNT(*) FROM run WHERE {_FINISHED}", (before, *KEPT_RUNS, verified_from))
    return int(found[0]) if found else 0


def remove_runs(database: Database, before: datetime, verified_from: int) -> int:
    """Remove runs that were finished before `before`, but for those that the sign-off tells of.

    `verified_from` is the oldest verification that the verdict of today rests on: from there on they stay.
    """
    removed = 0
    while True:
        with database.transaction() as session:
            found = session.rows(
                f"SELECT run_id, kind = %s FROM run WHERE {_FINISHED} ORDER BY run_id LIMIT {AT_ONCE}",
                (verify_store.KIND, before, *KEPT_RUNS, verified_from),
            )
        for run_id, compared in found:
            if compared:
                verify_store.forget(database, run_id)
        if found:
            with database.transaction() as session:
                session.execute(f"DELETE FROM run WHERE run_id IN ({', '.join(str(run_id) for run_id, _ in found)})")
        removed += len(found)
        if len(found) < AT_ONCE:
            return removed


_FINISHED = (
    f"finished_at < %s AND kind NOT IN ({', '.join(['%s'] * len(KEPT_RUNS))}) "
    f"AND NOT (kind = '{verify_store.KIND}' AND run_id >= %s)"
)
_BEGAN = f"LEFT JOIN stream_generation g ON g.stream_id = %s AND g.generation = r.sequence >> {NUMBER_BITS}"
# A row of a snapshot is as old as its opening, whatever its record says; one of a topic as its record, if that says.
_OLD = (
    "COALESCE(IF(g.kind = 'snapshot' OR r.time IS NULL, COALESCE(g.opened_at, g.began_at) < %s, "
    "r.time < UNIX_TIMESTAMP(%s) * 1000), FALSE)"
)


def _settled(database: Database, lane: PurgedLane, before: datetime, condition: str) -> Iterator[list[Settled]]:
    after = 0
    while True:
        with database.transaction() as session:
            rows = session.rows(
                f"SELECT r.sequence, r.entity_key, {_OLD} FROM {quoted(table_of(lane.stream))} r {_BEGAN} "
                "LEFT JOIN row_outcome o ON o.stream_id = %s AND o.lane = r.lane AND o.sequence = r.sequence "
                "WHERE r.lane = %s AND r.sequence > %s AND r.sequence <= %s AND r.entity_key IS NOT NULL "
                f"AND o.lane IS NULL {condition} ORDER BY r.sequence LIMIT %s",
                (before, before, lane.stream_id, lane.stream_id, lane.lane, after, lane.audited, _READ_ROWS),
            )
        if not rows:
            return
        yield [Settled(sequence, bytes(key), bool(is_old)) for sequence, key, is_old in rows]
        after = rows[-1][0]


def _count(session: Session, lane: PurgedLane, marks: str, *, outcomes: bool) -> None:
    """Move what goes from the rows of this lap to the purged ones, source by source."""
    kept = "" if outcomes else "AND o.lane IS NULL"
    session.execute(
        "INSERT INTO lane_source_audit (stream_id, lane, source_id, purged, purged_rejected) SELECT * FROM (SELECT "
        "%s AS stream_id, r.lane, r.source_id, COUNT(*) AS purged, SUM(o.lane IS NOT NULL) AS purged_rejected "
        f"FROM {quoted(table_of(lane.stream))} r "
        "LEFT JOIN row_outcome o ON o.stream_id = %s AND o.lane = r.lane AND o.sequence = r.sequence "
        f"WHERE r.lane = %s AND r.sequence IN ({marks}) AND r.sequence <= %s {kept} GROUP BY r.lane, r.source_id) d "
        "ON DUPLICATE KEY UPDATE lane_source_audit.purged = lane_source_audit.purged + d.purged, "
        "lane_source_audit.purged_rejected = lane_source_audit.purged_rejected + d.purged_rejected",
        (lane.stream_id, lane.stream_id, lane.lane, lane.audited),
    )
    session.execute(
        "UPDATE lane_source_audit w JOIN (SELECT r.source_id, COUNT(*) AS gone "
        f"FROM {quoted(table_of(lane.stream))} r "
        "JOIN lane_audit a ON a.stream_id = %s AND a.lane = r.lane AND r.sequence <= a.reached "
        "LEFT JOIN row_outcome o ON o.stream_id = %s AND o.lane = r.lane AND o.sequence = r.sequence "
        f"WHERE r.lane = %s AND r.sequence IN ({marks}) AND r.sequence <= %s {kept} GROUP BY r.source_id) d "
        "USING (source_id) SET w.`rows` = w.`rows` - d.gone WHERE w.stream_id = %s AND w.lane = %s",
        (lane.stream_id, lane.stream_id, lane.lane, lane.audited, lane.stream_id, lane.lane),
    )
