"""Rejected full images folded again: each by itself, beside the newest row of its key that is done."""

from collections.abc import Collection

from db import parks, raw
from db.apply import BadBatch
from db.engine import Session
from db.later_rows import KeyLook
from db.parks import Park
from db.redrive_attempts import Gains
from db.redrive_lane import LockedRedrive, Stale, Take, Tried
from migration_core.folding import Context, Folded, Rejection
from migration_core.refolding import fold_images_again, rekeyed


def images_again(
    lane: LockedRedrive, after: int, rows: int, known: KeyLook, instead: tuple[int, BadBatch] | None
) -> Tried:
    """Fold the next `rows` rejects behind `after`, or settle the one that `instead` names."""
    stream = lane.parts.registered
    chosen = lane.next(after, rows)
    if {key for _, key in chosen if key is not None} - known.keys:
        raise Stale
    lane.catch_up(known, every=False)
    sequences = [sequence for sequence, _ in chosen]
    found, _ = raw.read_these(lane.session, stream.name, lane.locked.lane, sequences, size=lane.limits.size)
    take = Take(found[-1].sequence if found else None, found, lane.kept_out(sequences[: len(found)]), chosen=len(found))
    if lane.locked.parked:
        keys = {row.entity_key for row in found if row.entity_key is not None}
        take.parked = parks.parks_of(lane.session, stream.stream_id, lane.locked.lane, keys)
    gains = _fold(lane, take, known) if instead is None else _settle(lane, take, known, *instead)
    ended = len(chosen) < rows and len(found) == len(chosen)
    return Tried(gains, None if ended else take.cursor)


def _fold(lane: LockedRedrive, take: Take, known: KeyLook) -> Gains:
    stream, number = lane.parts.registered, lane.locked.lane
    lane.begin(take)
    context = Context(
        lane.parts.sources.positions,
        rekeyed=rekeyed(lane.parts.stream, take.rows),
        duplicates=_duplicates(lane.session, stream.stream_id, number, lane.taken),
        parked=take.parked.keys(),
    )
    coalesce = lane.parts.writer.coalesces
    folded = fold_images_again(lane.parts.stream, take.rows, context, known.newest, coalesce=coalesce)
    # Only what is newer takes the place of the row that waits.
    ended = {
        effect.key
        for effect in folded.effects
        if effect.key in take.parked and take.parked[effect.key].first_sequence < effect.sequence
    }
    lane.write(folded)
    released = parks.release(lane.session, stream.stream_id, stream.name, number, ended)
    return lane.record(take, folded, parked_keys=-len(ended), released=released)


def _settle(lane: LockedRedrive, take: Take, known: KeyLook, sequence: int, cause: BadBatch) -> Gains:
    """The one row that the server refuses: it stays rejected, or waits for the value that another entity holds."""
    if [row.sequence for row in take.rows] != [sequence]:
        raise Stale
    row, key = take.rows[0], take.rows[0].entity_key
    if key is not None and known.newest.get(key, sequence) > sequence:
        raise Stale  # a newer image was applied since the refusal, and the older one must not wait to overwrite it
    if cause.unique_key and key is not None and key not in take.parked:
        waits = Park(lane.locked.lane, key, row.sequence, parks.PENDING_UNIQUE, 0, cause.unique_key)
        parks.park(lane.session, lane.parts.registered.stream_id, [waits])
        return lane.record(take, Folded(parked=[row]), parked_keys=1)
    return lane.record(take, Folded(rejections=[Rejection(row, cause.reason)]))


def _duplicates(session: Session, stream_id: int, lane: int, sequences: Collection[int]) -> frozenset[int]:
    if not sequences:
        return frozenset()
    rows = session.rows(
        "SELECT sequence FROM snapshot_duplicate WHERE stream_id = %s AND lane = %s "
        f"AND sequence IN ({', '.join(map(str, sequences))})",
        (stream_id, lane),
    )
    return frozenset(sequence for (sequence,) in rows)
