"""What a run of raw rows of one lane comes to: which effect each key ends with, and what becomes of each row. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from migration_core.errors import Reason, Rejected
from migration_core.merge_patch import merge
from migration_core.records import Change, Flag, Op, Position, RawRow
from migration_core.unmapped import LookedAt

Rows = tuple[list[tuple[Any, ...]], ...]
"""Per table of the mapping, the rows that one document becomes."""


class Transforms(Protocol):
    """What folding needs of a compiled stream."""

    @property
    def validates_newest_only(self) -> bool: ...
    @property
    def left(self) -> Callable[[Mapping[str, object]], Collection[str]]: ...
    def key_of(self, record_key: bytes | None, value: bytes | None) -> bytes: ...
    def decode(self, record_key: bytes | None, value: bytes | None, flags: int = 0) -> Change: ...
    def check_key(self, entity_key: bytes, document: Mapping[str, object]) -> None: ...
    def rows(
        self, document: Mapping[str, object], position: Position, time: int | None, sequence: int
    ) -> Rows | None: ...


class Effect(NamedTuple):
    """What the tables must hold for `key` after row `sequence`; rows is None when that is nothing."""

    key: bytes
    sequence: int
    rows: Rows | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that can never be applied, and why."""

    row: RawRow
    reason: Reason


@dataclass(slots=True)
class Folded:
    """The sum of applied, superseded, filtered, parked and rejected is the number of rows folded."""

    effects: list[Effect] = field(default_factory=list)
    applied: int = 0
    superseded: int = 0
    filtered: int = 0
    parked: list[RawRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    new_parks: dict[bytes, RawRow] = field(default_factory=dict)
    """Keys that are parked from now on, with the row that parked them."""
    ended_parks: set[bytes] = field(default_factory=set)
    """Keys parked before this run whose parked rows are superseded now."""
    documents: dict[bytes, tuple[int, Mapping[str, object] | None]] = field(default_factory=dict)
    """Of partial changes: the merged document of each changed key; None when it is gone."""


@dataclass(frozen=True, slots=True)
class Context:
    """What else decides about a row, read before folding."""

    positions: Mapping[int, tuple[str, int]]
    """{source_id: (topic or file, partition or part)}."""
    duplicates: Collection[int] = frozenset()
    """Sequences of snapshot rows whose key stood earlier in the same snapshot."""
    rekeyed: Collection[int] = frozenset()
    """Sequences of rows that today's rules give another key than they were stored with."""
    parked: Collection[bytes] = frozenset()
    """Keys that are parked now."""
    documents: Mapping[bytes, Mapping[str, object]] = field(default_factory=dict)
    """Merged documents of the keys, as stored."""
    in_window: Callable[[RawRow], bool] = lambda _row: False
    """Whether a stream row lies between its snapshot's start and end offsets."""
    is_document: Callable[[RawRow], bool] = lambda _row: False
    """Whether a row holds a whole document, whatever its format says: the snapshot of a reload."""
    looked: LookedAt = field(default_factory=LookedAt)
    """Takes in the fields that no column takes, of one good row in `look_every`; 0 is none."""
    look_every: int = 0


def fold_images(stream: Transforms, rows: Iterable[RawRow], context: Context, *, coalesce: bool) -> Folded:
    """Fold full images: with `coalesce` only the newest good one of a key keeps its effect.

    Without, every effect stays in its place, for tables where another entity's row may stand in the way.
    A stream that validates the newest only is not asked about the others when it coalesces: what is rejected then
    depends on the borders of the batch, what the tables hold does not.
    """
    if coalesce and stream.validates_newest_only:
        return _fold_newest(stream, list(rows), context)
    folded = Folded()
    effects: dict[object, tuple[Effect, bool]] = {}
    for row in rows:
        try:
            effect, filtered = _image(stream, row, context)
        except Rejected as rejected:
            folded.rejections.append(Rejection(row, rejected.reason))
            continue
        if effect.key in context.parked:
            folded.ended_parks.add(effect.key)
        place: object = effect.key if coalesce else row.sequence
        if effects.pop(place, None) is not None:  # popped, so that the newest takes the last place
            folded.superseded += 1
        effects[place] = (effect, filtered)
    return _counted(folded, effects.values())


def _fold_newest(stream: Transforms, rows: list[RawRow], context: Context) -> Folded:
    """Backwards, so that a row behind which a good one stands is never decoded."""
    folded = Folded()
    effects: dict[bytes, tuple[Effect, bool]] = {}
    for row in reversed(rows):
        try:
            if row.entity_key in effects:
                _check_place(row, context)  # what is no image at all is rejected, and never superseded
                folded.superseded += 1
                continue
            effect, filtered = _image(stream, row, context)
        except Rejected as rejected:
            folded.rejections.append(Rejection(row, rejected.reason))
            continue
        if effect.key in context.parked:
            folded.ended_parks.add(effect.key)
        effects[effect.key] = (effect, filtered)
    folded.rejections.reverse()
    return _counted(folded, reversed(effects.values()))


def fold_partial(stream: Transforms, rows: Iterable[RawRow], context: Context) -> Folded:
    """Fold merge patches into documents; a bad row parks its key, and later rows of it wait behind."""
    folded = Folded()
    documents = dict(context.documents)
    parked = set(context.parked)
    effects: dict[bytes, tuple[Effect, bool]] = {}
    waiting: dict[bytes, list[RawRow]] = {}
    for row in rows:
        try:
            change = _change(stream, row, context)
            key = row.entity_key or b""
            if change.op is Op.MERGE and key in parked:
                waiting.setdefault(key, []).append(row)
                continue
            if change.op is not Op.IMAGE and key not in documents and key not in parked and context.in_window(row):
                folded.superseded += 1
                continue
            document = _next_document(documents.get(key), change)
            effect, filtered = _effect(stream, row, document, context)
        except Rejected as rejected:
            folded.rejections.append(Rejection(row, rejected.reason))
            _park(row, parked, folded)
            continue
        if key in parked:
            # A delete or a full image needs nothing of what stands before it.
            parked.discard(key)
            folded.superseded += len(waiting.pop(key, ()))
            if folded.new_parks.pop(key, None) is None:  # then it was parked before this run
                folded.ended_parks.add(key)
        if effects.pop(key, None) is not None:
            folded.superseded += 1
        effects[key] = (effect, filtered)
        folded.documents[key] = (row.sequence, document)
        if document is None:
            documents.pop(key, None)
        else:
            documents[key] = document
    folded.parked = sorted((row for rows_ in waiting.values() for row in rows_), key=lambda row: row.sequence)
    return _counted(folded, effects.values())


@dataclass(slots=True)
class Refolded:
    """What rows come to that were all applied: for whoever proves what applying made of them."""

    documents: dict[bytes, tuple[RawRow, Mapping[str, object] | None]] = field(default_factory=dict)
    """The last row and document of each key; None when it is gone."""
    rejections: list[Rejection] = field(default_factory=list)


def refold(stream: Transforms, rows: Iterable[RawRow], context: Context, *, partial: bool) -> Refolded:
    """Fold rows of which every rejected or parked one is left out already; of full images the newest are enough."""
    found = Refolded()
    for row in rows:
        key = row.entity_key or b""
        try:
            change = _change(stream, row, context) if partial else _decoded(stream, row, context)
        except Rejected as rejected:
            found.rejections.append(Rejection(row, rejected.reason))
            continue
        before = found.documents[key][1] if key in found.documents else None
        if not partial or change.op is Op.IMAGE or before is not None or not context.in_window(row):
            found.documents[key] = (row, _next_document(before, change))
    return found


def refold_effects(stream: Transforms, rows: Iterable[RawRow], context: Context, *, partial: bool) -> Folded:
    """The same as rows of tables: only the last state of each document becomes any."""
    folded = Folded()
    if not partial:
        for row in rows:
            try:
                folded.effects.append(_image(stream, row, context)[0])
            except Rejected as rejected:
                folded.rejections.append(Rejection(row, rejected.reason))
        return folded
    found = refold(stream, rows, context, partial=True)
    folded.rejections += found.rejections
    for row, document in found.documents.values():
        try:
            folded.effects.append(_effect(stream, row, document, context)[0])
        except Rejected as rejected:
            folded.rejections.append(Rejection(row, rejected.reason))
    return folded


def _counted(folded: Folded, effects: Iterable[tuple[Effect, bool]]) -> Folded:
    for effect, filtered in effects:
        folded.effects.append(effect)
        folded.filtered += filtered
    folded.applied = len(folded.effects) - folded.filtered
    return folded


def _image(stream: Transforms, row: RawRow, context: Context) -> tuple[Effect, bool]:
    change = _decoded(stream, row, context)
    return _effect(stream, row, None if change.op is Op.DELETE else change.document, context)


def _check_place(row: RawRow, context: Context) -> None:
    if row.flags & Flag.MALFORMED_LINE:
        raise Rejected("SNAP_PARSE", stage="container", detail="the line does not follow the snapshot's container")
    if row.sequence in context.duplicates:
        raise Rejected("SNAP_DUPLICATE_KEY", stage="snapshot", detail="the key stands earlier in the same snapshot")
    if row.sequence in context.rekeyed:
        raise Rejected("KEY_CHANGED", stage="key", detail="the rules that stored this row gave it another key")


def _change(stream: Transforms, row: RawRow, context: Context) -> Change:
    """What a row of partial changes asks for; a reload's snapshot holds whole documents, whatever their op says."""
    change = _decoded(stream, row, context)
    if change.op is Op.MERGE and context.is_document(row):
        return Change(Op.IMAGE, merge({}, change.document or {}))
    return change


def _decoded(stream: Transforms, row: RawRow, context: Context) -> Change:
    _check_place(row, context)
    if row.entity_key is None:
        stream.key_of(row.record_key, row.value)  # raises the cause
        raise Rejected("KEY_UNREADABLE", stage="key", detail="the rules that stored this row could not read its key")
    change = stream.decode(row.record_key, row.value, row.flags)
    if change.document is not None:
        stream.check_key(row.entity_key, change.document)
    return change


def _next_document(before: Mapping[str, object] | None, change: Change) -> Mapping[str, object] | None:
    if change.op is Op.DELETE:
        return None
    if change.op is Op.IMAGE:
        return change.document
    return merge(before or {}, change.document or {})


def _effect(
    stream: Transforms, row: RawRow, document: Mapping[str, object] | None, context: Context
) -> tuple[Effect, bool]:
    """The effect, and whether the mapping's filter left the document out."""
    key = row.entity_key or b""
    if document is None:
        return Effect(key, row.sequence, None), False
    where = context.positions[row.source_id]
    rows = stream.rows(document, Position(where[0], where[1], row.source_offset), row.time, row.sequence)
    if context.look_every and row.sequence % context.look_every == 0 and rows is not None:
        context.looked.take(row, stream.left(document))
    return Effect(key, row.sequence, rows), rows is None


def _park(row: RawRow, parked: set[bytes], folded: Folded) -> None:
    key = row.entity_key
    if key is not None and key not in parked:
        parked.add(key)
        folded.new_parks[key] = row
