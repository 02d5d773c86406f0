"""The ledger with its proof: what the counters say, and how far the audit has found the rows to agree."""

from dataclasses import dataclass
from typing import Any

from db.bulk import quoted
from db.engine import Database, Session
from db.raw import table_of
from migration_core.outcome import Outcome
from migration_core.proof import SourceLedger, StreamProof

_SECONDS = 60
_COUNTS = (
    "received", "applied", "superseded", "filtered", "parked", "rejected", "unaudited", "unproven_lanes", "remainders",
    "purged",
)  # fmt: skip


@dataclass(slots=True)
class _Counted:
    """What the rows say of one source."""

    settled: int = 0
    """Rows at or below the watermark, those that were purged included."""
    pending: int = 0
    parked: int = 0
    rejected: int = 0
    with_outcome: int = 0


def stream_proofs(database: Database) -> list[StreamProof]:
    """All streams in order of their names, in one statement, so that all of it is of one moment."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, SUM(h.`rows`), SUM(p.n_applied), SUM(p.n_superseded), SUM(p.n_filtered), SUM(p.n_parked), "
            "SUM(p.n_rejected), "
            "SUM(GREATEST(CAST(p.n_applied + p.n_superseded + p.n_filtered + p.n_parked + p.n_rejected AS SIGNED) "
            "- CAST(COALESCE(w.walked, 0) AS SIGNED), 0) * (COALESCE(a.reached, 0) < p.applied)), "
            "SUM(a.looked_at IS NULL OR a.reached < p.applied), "
            "(SELECT COUNT(*) FROM ledger_remainder r WHERE r.stream_id = s.stream_id AND r.gone_at IS NULL), "
            "COALESCE(SUM(w.purged), 0) FROM stream s JOIN lane_head h USING (stream_id) "
            "JOIN lane_progress p USING (stream_id, lane) "
            "LEFT JOIN lane_audit a USING (stream_id, lane) "
            "LEFT JOIN (SELECT stream_id, lane, SUM(`rows` + purged) AS walked, SUM(purged) AS purged "
            "FROM lane_source_audit GROUP BY stream_id, lane) w USING (stream_id, lane) "
            "GROUP BY s.stream_id, s.name ORDER BY s.name"
        )
    return [_proof(name, *map(int, numbers)) for name, *numbers in rows]


def source_ledgers(database: Database) -> list[SourceLedger]:
    """Every partition and part, stream by stream, each stream in one snapshot.

    Rows that the audit has walked are taken from its counts, the others are counted now.
    """
    with database.transaction() as session:
        streams = session.rows("SELECT stream_id, name FROM stream JOIN stream_state USING (stream_id) ORDER BY name")
    found = []
    for stream_id, name in streams:
        with database.snapshot(_SECONDS) as session:
            counted = _walked(session, stream_id)
            _count_the_rest(session, stream_id, name, counted)
            _count_outcomes(session, stream_id, name, counted)
            found += _named(session, stream_id, name, counted)
    return found


def _proof(stream: str, *numbers: int) -> StreamProof:
    received, *outcomes = numbers[:6]
    counts: dict[str, Any] = dict(zip(_COUNTS, numbers, strict=True))
    return StreamProof(stream=stream, pending=received - sum(outcomes), **counts)


def _walked(session: Session, stream_id: int) -> dict[int, _Counted]:
    rows = session.rows(
        "SELECT source_id, SUM(`rows` + purged), SUM(purged_rejected) FROM lane_source_audit WHERE stream_id = %s "
        "GROUP BY source_id",
        (stream_id,),
    )
    return {
        source: _Counted(settled=int(settled), rejected=int(rejected), with_outcome=int(rejected))
        for source, settled, rejected in rows
    }


def _count_the_rest(session: Session, stream_id: int, stream: str, counted: dict[int, _Counted]) -> None:
    lanes = session.rows(
        "SELECT p.lane, p.applied, COALESCE(a.reached, 0) FROM lane_progress p LEFT JOIN lane_audit a "
        "USING (stream_id, lane) WHERE p.stream_id = %s ORDER BY p.lane",
        (stream_id,),
    )
    for lane, applied, reached in lanes:
        for source, settled, pending in session.rows(
            f"SELECT source_id, SUM(sequence <= %s), SUM(sequence > %s) FROM {quoted(table_of(stream))} "
            "WHERE lane = %s AND sequence > %s GROUP BY source_id",
            (applied, applied, lane, reached),
        ):
            one = counted.setdefault(source, _Counted())
            one.settled += int(settled)
            one.pending += int(pending)


def _count_outcomes(session: Session, stream_id: int, stream: str, counted: dict[int, _Counted]) -> None:
    for source, outcome, outcomes, with_row in session.rows(
        "SELECT o.source_id, o.outcome, COUNT(*), SUM(r.lane IS NOT NULL) FROM row_outcome o "
        f"LEFT JOIN {quoted(table_of(stream))} r ON r.lane = o.lane AND r.sequence = o.sequence "
        "WHERE o.stream_id = %s GROUP BY o.source_id, o.outcome",
        (stream_id,),
    ):
        one = counted.setdefault(source, _Counted())
        one.with_outcome += int(with_row)
        if outcome == Outcome.PARKED:
            one.parked += outcomes
        else:
            one.rejected += outcomes


def _named(session: Session, stream_id: int, stream: str, counted: dict[int, _Counted]) -> list[SourceLedger]:
    """Sources that are registered, and those that only rows know; a part must have a row for each line it loaded."""
    rows = session.rows(
        "SELECT s.source_id, COALESCE(o.topic, p.file), COALESCE(o.kafka_partition, p.part), p.lines_loaded "
        "FROM source s LEFT JOIN source_offset o USING (source_id) LEFT JOIN snapshot_part p USING (source_id) "
        "WHERE s.stream_id = %s ORDER BY s.source_id",
        (stream_id,),
    )
    known = {source: (name, number, lines) for source, name, number, lines in rows}
    found = []
    for source in [*known, *sorted(counted.keys() - known.keys())]:
        name, number, lines = known.get(source, (f"source {source}", 0, None))
        one = counted.get(source, _Counted())
        received = one.settled + one.pending if lines is None else lines
        done = one.settled - one.with_outcome
        found.append(SourceLedger(stream, name, number, received, done, one.parked, one.rejected, one.pending))
    return found
