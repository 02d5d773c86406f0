"""The audit's look at one lane, and what it writes of it: a read in one short snapshot, then a write under a fence.

The lane's counters are totals, so they can be proven only where the look reaches the watermark of its own snapshot:
there, rows read so far + rows purged = the five counts, exactly, whatever parks and redrives have moved among them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from db import audit_rows
from db.audit_rows import Stretch
from db.engine import Database, Session
from migration_core.audit import (
    OF_THE_LANE,
    Fall,
    Kind,
    LaneCounts,
    LaneRemainder,
    Rewind,
    differences,
    unexcused,
)
from migration_core.errors import Halted
from migration_core.outcome import Outcome
from migration_core.sequence import NUMBER_BITS
from migration_core.steps import Reached, Step, nothing

SECONDS = 2
"""Of one statement of a look: a snapshot that lives long keeps old versions of every row."""


@dataclass(frozen=True, slots=True)
class AuditedLane:
    """One lane as the audit finds it before a look."""

    stream_id: int
    stream: str
    lane: int
    reached: int
    applied: int
    counts: tuple[int, ...]
    """Whatever changes when a row of the lane changes: to leave quiet lanes alone."""
    lap_is_old: bool
    """Whether its last lap is complete and began longer ago than was asked for."""


@dataclass(frozen=True, slots=True)
class Walked:
    """Rows of one source in a lane, up to where the lap stands."""

    source_id: int
    rows: int
    last_sequence: int
    last_offset: int


@dataclass(slots=True)
class Look:
    """What one look found in the stretch after `after`, up to `to`."""

    lane: AuditedLane
    epoch: int
    after: int
    to: int
    watermark: int
    agreed: int
    audited: int
    head: int
    full: bool
    """Whether it reached the watermark, so that rows and counters could be compared."""
    walked: list[Walked] = field(default_factory=list)
    differences: dict[Kind, int] = field(default_factory=dict)
    falls: list[Fall] = field(default_factory=list)
    orphans: list[tuple[int, int]] = field(default_factory=list)
    """(sequence, source id) of outcomes whose row is not there."""
    rows: int = 0


def begin(database: Database) -> None:
    """Give every lane its place in the audit; safe to repeat."""
    with database.transaction() as session:
        session.execute(
            "INSERT INTO lane_audit (stream_id, lane) SELECT p.stream_id, p.lane FROM lane_progress p "
            "LEFT JOIN lane_audit a USING (stream_id, lane) WHERE a.lane IS NULL "
            "ON DUPLICATE KEY UPDATE lane_audit.lane = lane_audit.lane"
        )


def audited_lanes(database: Database, *, lap_seconds: float = 0) -> list[AuditedLane]:
    """Every lane that has its place, in order; a lap older than `lap_seconds` is old."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT a.stream_id, s.name, a.lane, a.reached, p.applied, h.head, h.`rows`, p.n_applied, p.n_superseded, "
            "p.n_filtered, p.n_parked, p.n_rejected, p.parked, a.epoch, a.looked_at IS NOT NULL "
            "AND a.lap_began_at < NOW(6) - INTERVAL %s SECOND FROM lane_audit a "
            "JOIN stream s USING (stream_id) JOIN lane_head h USING (stream_id, lane) "
            "JOIN lane_progress p USING (stream_id, lane) ORDER BY s.name, a.lane",
            (lap_seconds,),
        )
    return [
        AuditedLane(stream_id, name, lane, reached, applied, (applied, *map(int, counts)), bool(old))
        for stream_id, name, lane, reached, applied, *counts, old in rows
    ]


def begin_lap(database: Database, lanes: Sequence[AuditedLane]) -> None:
    """Walk these lanes again from their first row; what is audited stays audited."""
    for lane in lanes:
        with database.transaction() as session:
            session.execute(
                "UPDATE lane_audit SET reached = 0, agreed = 0, epoch = epoch + 1, lap_began_at = NOW(6), "
                "looked_at = NULL WHERE stream_id = %s AND lane = %s",
                (lane.stream_id, lane.lane),
            )
            session.execute(
                "UPDATE lane_source_audit SET `rows` = 0, last_sequence = 0, last_offset = 0 "
                "WHERE stream_id = %s AND lane = %s",
                (lane.stream_id, lane.lane),
            )


def look(database: Database, lane: AuditedLane, *, rows: int, reached: Reached = nothing) -> Look:
    """Read at most `rows` rows behind where the lap stands, and prove what can be proven of them."""
    with database.snapshot(SECONDS) as session:
        found, counters = _begin(session, lane)
        stretch = Stretch(lane.stream, lane.lane, found.after, found.watermark)
        before = _walked(session, lane)
        spans = audit_rows.spans(session, stretch, rows)
        found.rows = sum(span.rows for span in spans)
        found.full = found.rows < rows
        found.to = max(found.after, found.watermark) if found.full else max(span.last_sequence for span in spans)
        read = Stretch(lane.stream, lane.lane, found.after, found.to)
        found.walked, edges = _moved(before, spans)
        falls = edges + (audit_rows.falls(session, read) if any(span.falls for span in spans) else [])
        found.falls = unexcused(falls, _rewinds(session, lane.stream_id)) if falls else []
        found.orphans = audit_rows.outcomes_without_row(session, lane.stream_id, read, beyond=found.full)
        if found.full:
            shown = _shown(session, found, pending_limit=rows)
            found.differences = differences(shown, counters)
    reached(Step.AUDIT_LOOKED)
    return found


def write(database: Database, found: Look, remainders: Sequence[LaneRemainder], reached: Reached = nothing) -> bool:
    """Move the lap over the stretch with what was found there; False when another audit or a purge came between."""
    lane = found.lane
    agreed = found.full and not found.differences
    with database.transaction() as session:
        moved = session.execute(
            "UPDATE lane_audit SET reached = %s, agreed = IF(%s, %s, agreed), looked_at = IF(%s, NOW(6), looked_at) "
            "WHERE stream_id = %s AND lane = %s AND reached = %s AND epoch = %s",
            (found.to, agreed, found.to, found.full, lane.stream_id, lane.lane, found.after, found.epoch),
        )
        if moved != 1:
            return False
        _write_walked(session, found)
        _write_remainders(session, found, remainders)
        if found.audited < found.to:
            _raise_audited(session, lane)
        reached(Step.AUDIT_WRITTEN)
    reached(Step.AUDIT_COMMITTED)
    return True


def _begin(session: Session, lane: AuditedLane) -> tuple[Look, LaneCounts]:
    row = session.one(
        "SELECT a.epoch, a.reached, p.applied, a.agreed, p.audited, h.head, h.`rows`, "
        "p.n_applied + p.n_superseded + p.n_filtered + p.n_parked + p.n_rejected, p.n_parked, p.n_rejected, p.parked "
        "FROM lane_audit a JOIN lane_head h USING (stream_id, lane) JOIN lane_progress p USING (stream_id, lane) "
        "WHERE a.stream_id = %s AND a.lane = %s",
        (lane.stream_id, lane.lane),
    )
    if row is None:
        raise Halted(f"lane {lane.lane} of stream {lane.stream!r} lacks a row: restore the control schema")
    epoch, after, watermark, agreed, audited, head, *counts = row
    found = Look(lane, epoch, after, after, watermark, agreed, audited, head, full=False)
    return found, LaneCounts(*map(int, counts))


def _walked(session: Session, lane: AuditedLane) -> dict[int, Walked]:
    rows = session.rows(
        "SELECT source_id, `rows`, last_sequence, last_offset FROM lane_source_audit "
        "WHERE stream_id = %s AND lane = %s",
        (lane.stream_id, lane.lane),
    )
    return {row[0]: Walked(*row) for row in rows}


def _moved(before: dict[int, Walked], spans: Sequence[audit_rows.Span]) -> tuple[list[Walked], list[Fall]]:
    """Where the sources of this stretch stand behind it, and falls between the last look's rows and this one's."""
    now = dict(before)
    falls = []
    for span in spans:
        last = now.get(span.source_id, Walked(span.source_id, 0, 0, 0))
        same_generation = last.last_sequence >> NUMBER_BITS == span.first_sequence >> NUMBER_BITS
        if same_generation and span.first_offset <= last.last_offset:
            falls.append(Fall(span.first_sequence, span.source_id, last.last_offset, span.first_offset))
        now[span.source_id] = Walked(span.source_id, last.rows + span.rows, span.last_sequence, span.last_offset)
    return [now[source] for source in sorted({span.source_id for span in spans})], falls


def _shown(session: Session, found: Look, *, pending_limit: int) -> LaneCounts:
    """What the rows of the whole lane say, in the same moment as its counters."""
    lane = found.lane
    stretch = Stretch(lane.stream, lane.lane, found.watermark, None)
    of_lane = f"stream_id = {lane.stream_id} AND lane = {lane.lane}"
    walked, purged_rejected, parked, rejected, keys, pending = session.one(
        f"SELECT (SELECT SUM(`rows` + purged) FROM lane_source_audit WHERE {of_lane}), "
        f"(SELECT SUM(purged_rejected) FROM lane_source_audit WHERE {of_lane}), "
        f"(SELECT COUNT(*) FROM row_outcome WHERE {of_lane} AND outcome = {int(Outcome.PARKED)}), "
        f"(SELECT COUNT(*) FROM row_outcome WHERE {of_lane} AND outcome <> {int(Outcome.PARKED)}), "
        f"(SELECT COUNT(*) FROM parked_key WHERE {of_lane}), "
        f"({audit_rows.count_of(stretch, pending_limit + 1)})"
    ) or (0, 0, 0, 0, 0, 0)
    done = int(walked or 0) + found.rows
    received = None if pending > pending_limit else done + pending
    return LaneCounts(received, done, parked, rejected + int(purged_rejected or 0), keys)


def _rewinds(session: Session, stream_id: int) -> list[Rewind]:
    """Places where a person let a partition go on below where it stood."""
    found = []
    for source_id, detail in session.rows(
        "SELECT o.source_id, r.detail FROM run r JOIN source_offset o ON o.topic = r.detail->>'$.topic' "
        "AND o.kafka_partition = r.detail->>'$.partition' WHERE r.kind = 'accept_gap' AND o.stream_id = %s",
        (stream_id,),
    ):
        said = json.loads(detail)
        if said["to"] < said["from"]:
            found.append(Rewind(source_id, said["from"], said["to"]))
    return found


def _write_walked(session: Session, found: Look) -> None:
    if not found.walked:
        return
    lane = found.lane
    values = ", ".join(
        f"({lane.stream_id}, {lane.lane}, {one.source_id}, {one.rows}, {one.last_sequence}, {one.last_offset})"
        for one in found.walked
    )
    session.execute(
        "INSERT INTO lane_source_audit (stream_id, lane, source_id, `rows`, last_sequence, last_offset) "
        f"VALUES {values} AS new ON DUPLICATE KEY UPDATE `rows` = new.`rows`, last_sequence = new.last_sequence, "
        "last_offset = new.last_offset"
    )


def _write_remainders(session: Session, found: Look, remainders: Sequence[LaneRemainder]) -> None:
    """What this look has judged and not found again is gone; nothing is ever removed."""
    lane = found.lane
    kinds = ", ".join(f"'{kind}'" for kind in sorted(OF_THE_LANE))
    session.execute(
        "UPDATE ledger_remainder SET gone_at = NOW(6) WHERE stream_id = %s AND lane = %s AND gone_at IS NULL "
        f"AND ((%s AND kind IN ({kinds})) OR (kind NOT IN ({kinds}) AND to_sequence > %s AND "
        "(to_sequence <= %s OR %s)))",
        (lane.stream_id, lane.lane, found.full, found.after, found.to, found.full),
    )
    for one in remainders:
        places = [
            {"source": p.source, "partition": p.partition, "from_offset": p.from_offset, "to_offset": p.to_offset}
            for p in one.places
        ]
        session.execute(
            "INSERT INTO ledger_remainder (stream_id, lane, kind, from_sequence, to_sequence, `rows`, places, detail) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) AS new ON DUPLICATE KEY UPDATE to_sequence = new.to_sequence, "
            "`rows` = new.`rows`, places = new.places, detail = new.detail, gone_at = NULL",
            (
                lane.stream_id,
                lane.lane,
                one.kind,
                one.from_sequence,
                one.to_sequence,
                one.rows,
                json.dumps(places),
                one.detail[:1000],
            ),
        )


def _raise_audited(session: Session, lane: AuditedLane) -> None:
    """Where a worker holds the lane, the next look does it: the audit never makes a worker wait, nor waits for one."""
    held = session.rows(
        "SELECT 1 FROM lane_progress WHERE stream_id = %s AND lane = %s FOR UPDATE SKIP LOCKED",
        (lane.stream_id, lane.lane),
    )
    if held:
        session.execute(
            "UPDATE lane_progress p JOIN lane_audit a USING (stream_id, lane) SET p.audited = a.reached "
            "WHERE p.stream_id = %s AND p.lane = %s AND p.audited < a.reached",
            (lane.stream_id, lane.lane),
        )
