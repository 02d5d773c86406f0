"""Rejected partial changes folded again: keys that are parked, from the row that parked them on."""

from collections.abc import Sequence

from db import kept_out, merged, parks, raw
from db.apply import BadBatch
from db.later_rows import KeyLook
from db.parks import Park
from db.redrive_attempts import Gains
from db.redrive_lane import LockedRedrive, Stale, Take, Tried
from migration_core.folding import Context, Folded, Rejection, fold_partial
from migration_core.refolding import fold_history_again, rekeyed


def partial_again(
    lane: LockedRedrive,
    after: int,
    rows: int,
    known: KeyLook,
    in_part: Sequence[bytes],
    instead: tuple[int, BadBatch] | None,
) -> Tried:
    """Fold about `rows` rows: first of the keys `in_part`, then of those that the next rejects park."""
    chosen = lane.next(after, rows)
    keys = {*in_part, *(key for _, key in chosen if key is not None)}
    parked = parks.parks_of(lane.session, lane.parts.registered.stream_id, lane.locked.lane, keys)
    take = Take()
    for begun in in_part:
        if begun in parked:
            _take_key(lane, take, parked[begun], rows)
    ended = len(chosen) < rows
    for sequence, key in chosen:
        park = parked.get(key) if key is not None else None
        past = key is not None and is_past(sequence, park)
        full = len(take.rows) >= rows or take.size >= lane.limits.size
        if (past and take.rows) or (full and key not in take.parked):
            ended = False
            break
        if key is None:
            _take_alone(lane, take, sequence)
        elif past or park is None:
            return Tried(_history(lane, key, sequence, known, park, refused=instead is not None), sequence)
        elif key not in take.parked:
            _take_key(lane, take, park, rows)
        take.chosen += 1
        take.cursor = sequence
    gains, left = _fold(lane, take, instead)
    left += tuple(begun for begun in in_part if begun in parked and begun not in take.parked)
    cursor = after if take.cursor is None else take.cursor
    return Tried(gains, None if ended and not left else cursor, left)


def is_past(sequence: int, park: Park | None) -> bool:
    """Whether the key of this reject went on without it, so that it is not what the key waits behind."""
    return park is None or sequence < park.first_sequence


def _take_key(lane: LockedRedrive, take: Take, park: Park, rows: int) -> None:
    """Take the rows of one parked key, as far as there is room."""
    room, size = rows - len(take.rows), lane.limits.size - take.size
    if room <= 0 or size <= 0:
        return
    stream, number, key = lane.parts.registered, lane.locked.lane, park.entity_key
    sequences = kept_out.of_key(lane.session, stream, number, key, park.first_sequence, room + 1)
    found, _ = raw.read_these(lane.session, stream.name, number, sequences[:room], size=size)
    if len(found) < len(sequences):
        take.rest[key] = sequences[len(found)]
    take.parked[key] = park
    take.add(found, lane.kept_out([row.sequence for row in found]))


def _take_alone(lane: LockedRedrive, take: Take, sequence: int) -> None:
    """Take a row without a key, which parks nobody."""
    name, number = lane.parts.registered.name, lane.locked.lane
    found, _ = raw.read_these(lane.session, name, number, [sequence], size=lane.limits.size)
    take.add(found, lane.kept_out([sequence]))


def _fold(lane: LockedRedrive, take: Take, instead: tuple[int, BadBatch] | None) -> tuple[Gains, tuple[bytes, ...]]:
    stream_id, number = lane.parts.registered.stream_id, lane.locked.lane
    take.rows.sort(key=lambda row: row.sequence)
    lane.begin(take)
    if instead is None:
        context = Context(
            lane.parts.sources.positions,
            rekeyed=rekeyed(lane.parts.stream, take.rows),
            documents=merged.documents_of(lane.session, stream_id, number, take.parked.keys()),
            in_window=lane.parts.sources.in_window,
            is_document=lane.parts.sources.is_document,
        )
        folded = fold_partial(lane.parts.stream, take.rows, context)
    elif lane.taken == [instead[0]]:
        row = take.rows[0]
        folded = Folded(rejections=[Rejection(row, instead[1].reason)], new_parks=dict.fromkeys(take.parked, row))
    else:
        raise Stale
    lane.write(folded)
    ended, left = _end_parks(lane, take, folded)
    return lane.record(take, folded, parked_keys=-ended), left


def _end_parks(lane: LockedRedrive, take: Take, folded: Folded) -> tuple[int, tuple[bytes, ...]]:
    """How many keys are free now, and those whose next rows nothing holds back."""
    stream_id, number = lane.parts.registered.stream_id, lane.locked.lane
    ended, left = 0, []
    for key in take.parked:
        first = folded.new_parks[key].sequence if key in folded.new_parks else take.rest.get(key)
        if first is None:
            parks.end(lane.session, stream_id, number, key)
            ended += 1
            continue
        # The row that the key waits behind moves on with what was released, so that a dead process leaves it whole.
        parks.begin_at(lane.session, stream_id, number, key, first)
        if key not in folded.new_parks:
            left.append(key)
    return ended, tuple(left)


def _history(
    lane: LockedRedrive, key: bytes, sequence: int, known: KeyLook, park: Park | None, *, refused: bool
) -> Gains:
    """A reject whose key went on without it, by a whole image, a delete, or because it had been accepted.

    The key is folded from its first row, up to the one that parks it again.
    """
    if key not in known.keys:
        raise Stale
    stream, number = lane.parts.registered, lane.locked.lane
    lane.catch_up(known, every=True)
    sequences = [one for one in known.rows.get(key, []) if park is None or one < park.first_sequence]
    lane.taken[:] = [sequence]
    if refused or len(sequences) > lane.limits.rows:
        return Gains(tried=1, left=1)
    rows, more = raw.read_these(lane.session, stream.name, number, sequences, size=lane.limits.size)
    take = Take(sequence, rows, lane.kept_out(sequences), chosen=1)
    lane.begin(take)
    lane.taken[:] = [sequence]
    context = Context(
        lane.parts.sources.positions,
        rekeyed=rekeyed(lane.parts.stream, rows),
        in_window=lane.parts.sources.in_window,
        is_document=lane.parts.sources.is_document,
    )
    folded = None if more else fold_history_again(lane.parts.stream, rows, context, take.before.keys())
    if folded is None:
        return Gains(tried=1, left=1)
    lane.write(folded)
    return lane.record(take, folded)
