"""Rows behind a watermark that are parked or rejected: which they are, and how they become something else."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from db import lanes, rejects
from db.bulk import Bulk, quoted, write
from db.engine import Session
from db.lanes import LaneMove, LockedLane
from db.raw import table_of
from db.registry import RegisteredStream
from db.rejects import LaneRejection
from migration_core.errors import Halted
from migration_core.folding import Folded, Rejection
from migration_core.lane import key_hash
from migration_core.outcome import Outcome
from migration_core.pattern import reason_hash
from migration_core.records import RawRow

_LOG = Bulk("redrive_row", ("stream_id", "lane", "sequence", "attempt_id", "outcome", "pattern_id"), replace=True)


@dataclass(frozen=True, slots=True)
class KeptOut:
    """One parked or rejected row; the pattern is of rejects."""

    sequence: int
    outcome: Outcome
    pattern_id: int | None
    pattern: str | None


def of_sequences(session: Session, stream_id: int, lane: int, sequences: Collection[int]) -> dict[int, KeptOut]:
    """Those of `sequences` that are parked or rejected now."""
    if not sequences:
        return {}
    return _kept_out(session, stream_id, lane, f"o.sequence IN ({', '.join(map(str, sequences))})")


def of_key(session: Session, stream: RegisteredStream, lane: int, key: bytes, first: int, limit: int) -> list[int]:
    """The sequences of a key's parked and rejected rows from `first` on, `limit` of them at most."""
    rows = session.rows(
        f"SELECT o.sequence FROM row_outcome o JOIN {quoted(table_of(stream.name))} r "
        "ON r.lane = o.lane AND r.sequence = o.sequence "
        "WHERE o.stream_id = %s AND o.lane = %s AND o.key_hash = %s AND o.sequence >= %s AND r.entity_key = %s "
        "ORDER BY o.sequence LIMIT %s",
        (stream.stream_id, lane, key_hash(key), first, key, limit),
    )
    return [sequence for (sequence,) in rows]


def settle(
    session: Session,
    stream: RegisteredStream,
    locked: LockedLane,
    before: dict[int, KeptOut],
    folded: Folded,
    *,
    version: str,
    parked_keys: int,
    released: int = 0,
) -> LaneMove:
    """Give the rows of `before` the outcomes that `folded` found, and move the lane's counts with them.

    A row that fails as it did keeps its reject untouched. `released` parked rows beside them are superseded already.
    """
    names = {rejection.row.sequence: reason_hash(stream.name, rejection.reason) for rejection in folded.rejections}
    parked = {row.sequence for row in folded.parked}
    changed = [one for one in before.values() if not _as_before(one, names, parked)]
    _forget(session, stream.stream_id, locked.lane, changed)
    _keep(session, stream, locked.lane, {one.sequence for one in changed}, folded, version=version)
    was = Counter(one.outcome for one in before.values())
    move = LaneMove(
        locked.lane,
        locked.applied,
        locked.applied,
        applied=folded.applied,
        superseded=folded.superseded + released,
        filtered=folded.filtered,
        parked=len(parked) - was[Outcome.PARKED] - released,
        rejected=len(names) - was[Outcome.REJECTED],
        parked_keys=parked_keys,
    )
    if move.applied + move.superseded + move.filtered + move.parked + move.rejected:
        raise Halted(f"lane {locked.lane} of stream {stream.name!r}: rows folded again do not add up: {move}")
    lanes.move(session, stream.stream_id, [move])
    if move.applied or move.superseded or move.filtered:
        lanes.mark_settled(session, stream.stream_id, locked.lane)
    return move


def log(session: Session, stream_id: int, lane: int, attempt_id: int, before: dict[int, KeptOut]) -> dict[int, KeptOut]:
    """Keep for the story of each row what this attempt made of it; the rows that are still kept out."""
    now = of_sequences(session, stream_id, lane, before.keys())
    lines = []
    for sequence in before:
        still = now.get(sequence)
        outcome = Outcome.APPLIED if still is None else still.outcome
        pattern = b"\\N" if still is None or still.pattern_id is None else b"%d" % still.pattern_id
        lines.append(b"%d\t%d\t%d\t%d\t%d\t%b\n" % (stream_id, lane, sequence, attempt_id, outcome, pattern))
    write(session.connection, _LOG, lines, strict=True)
    return now


def _kept_out(session: Session, stream_id: int, lane: int, where: str) -> dict[int, KeptOut]:
    rows = session.rows(
        "SELECT o.sequence, o.outcome, r.pattern_id, p.hash FROM row_outcome o "
        "LEFT JOIN reject r USING (stream_id, lane, sequence) "
        "LEFT JOIN reject_pattern p ON p.pattern_id = r.pattern_id "
        f"WHERE o.stream_id = %s AND o.lane = %s AND {where} ORDER BY o.sequence",
        (stream_id, lane),
    )
    return {row[0]: KeptOut(row[0], Outcome(row[1]), row[2], row[3]) for row in rows}


def _as_before(one: KeptOut, names: dict[int, str], parked: set[int]) -> bool:
    if one.outcome is Outcome.PARKED:
        return one.sequence in parked
    return names.get(one.sequence) == one.pattern


def _forget(session: Session, stream_id: int, lane: int, changed: Sequence[KeptOut]) -> None:
    if not changed:
        return
    sequences = ", ".join(str(one.sequence) for one in changed)
    for table in ("reject", "row_outcome"):
        session.execute(
            f"DELETE FROM {table} WHERE stream_id = %s AND lane = %s AND sequence IN ({sequences})", (stream_id, lane)
        )
    counts = Counter(one.pattern_id for one in changed if one.pattern_id is not None)
    for pattern_id in sorted(counts):
        session.execute(
            "UPDATE reject_pattern SET rejects = rejects - %s WHERE pattern_id = %s", (counts[pattern_id], pattern_id)
        )


def _keep(
    session: Session, stream: RegisteredStream, lane: int, changed: set[int], folded: Folded, *, version: str
) -> None:
    def new(found: Rejection) -> bool:
        return found.row.sequence in changed

    again = [LaneRejection(lane, found.row, found.reason) for found in folded.rejections if new(found)]
    rejects.store_rejects(session, stream.stream_id, stream.name, again, version=version)
    waiting: list[tuple[int, RawRow]] = [(lane, row) for row in folded.parked if row.sequence in changed]
    rejects.store_outcomes(session, stream.stream_id, waiting, Outcome.PARKED)
