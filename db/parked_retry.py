"""Rows that wait for a unique value of another entity: tried again a set number of times, then rejected."""

from db import lanes, parks, raw, rejects
from db.apply import BadBatch, StreamParts, write_effects
from db.engine import Session
from db.lanes import LaneMove
from db.parks import Park
from db.rejects import LaneRejection
from migration_core.errors import Halted, Reason
from migration_core.folding import Context, fold_images
from migration_core.records import RawRow

TRIES = 5
_FIRST_WAIT_SECONDS = 0.5
_AT_ONCE = 100


def retry_parked(parts: StreamParts, lane: int) -> int:
    """Try every due row of `lane` once, each in a transaction of its own; how many found their place."""
    with parts.database.transaction() as session:
        waiting = parks.due(session, parts.registered.stream_id, lane, limit=_AT_ONCE)
    return sum(_retry(parts, one) for one in waiting)


def _retry(parts: StreamParts, one: Park) -> bool:
    try:
        with parts.database.transaction() as session:
            row = _parked_row(session, parts, one)
            if row is None:
                return False
            parts.sources.learn(session, [row])
            folded = fold_images(parts.stream, [row], Context(parts.sources.positions), coalesce=False)
            if folded.rejections:
                _reject(session, parts, one, row, folded.rejections[0].reason)
                return False
            write_effects(session, parts, [(one.lane, folded)], strict=True)
            _leave(session, parts, one, LaneMove(one.lane, 0, 0, applied=folded.applied, filtered=folded.filtered))
    except BadBatch as bad:
        _wait_or_reject(parts, one, bad)
        return False
    return True


def _wait_or_reject(parts: StreamParts, one: Park, bad: BadBatch) -> None:
    with parts.database.transaction() as session:
        row = _parked_row(session, parts, one)
        if row is None:
            return
        stream_id = parts.registered.stream_id
        if bad.unique_key and lanes.any_behind(session, stream_id, one.first_sequence):
            # The row that gives the value up may still wait in another lane: such a try decides nothing.
            parks.try_later(session, stream_id, one, seconds=_FIRST_WAIT_SECONDS, counts=False)
        elif bad.unique_key and one.tries + 1 < TRIES:
            parks.try_later(session, stream_id, one, seconds=_FIRST_WAIT_SECONDS * 2**one.tries)
        else:
            _reject(session, parts, one, row, bad.reason)


def _parked_row(session: Session, parts: StreamParts, one: Park) -> RawRow | None:
    """The parked row under the lane's lock, or None when another worker settled it or holds the lane."""
    locked = lanes.lock(session, parts.registered.stream_id, [one.lane])
    if not locked:
        return None
    locked[0].expect_mapping(parts.stream.hash)
    stream_id, now = parts.registered.stream_id, one.entity_key
    still = parks.parks_of(session, stream_id, one.lane, [now]).get(now)
    if still is None or still.first_sequence != one.first_sequence:
        return None
    before = one.first_sequence - 1
    rows, _ = raw.read(session, parts.registered.name, one.lane, before, one.first_sequence, rows=1, size=1)
    if not rows:
        raise Halted(f"parked row {one.first_sequence} of lane {one.lane} is not in raw: restore it")
    return rows[0]


def _reject(session: Session, parts: StreamParts, one: Park, row: RawRow, reason: Reason) -> None:
    _leave(session, parts, one, LaneMove(one.lane, 0, 0, rejected=1))
    stream = parts.registered
    rejection = LaneRejection(one.lane, row, reason)
    rejects.store_rejects(session, stream.stream_id, stream.name, [rejection], version=parts.version)


def _leave(session: Session, parts: StreamParts, one: Park, move: LaneMove) -> None:
    """End the park and move its row from parked to what it became; the watermark stays."""
    stream = parts.registered
    parks.release(session, stream.stream_id, stream.name, one.lane, [one.entity_key])
    lanes.settle_parked(session, stream.stream_id, move)
