"""What the audit holds against a lane: counters unlike the rows, gaps in the numbers, offsets that fall. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from migration_core.sequence import LINE_BITS, NUMBER_BITS, snapshot_place, unpack


class Kind(StrEnum):
    """What does not agree. The first five are counters of a whole lane, the others name rows."""

    RECEIVED = "received"
    DONE = "done"
    PARKED = "parked"
    REJECTED = "rejected"
    PARKED_KEYS = "parked_keys"
    ROW_MISSING = "row_missing"
    OUTCOME_UNEXPLAINED = "outcome_unexplained"
    OUTCOME_WITHOUT_ROW = "outcome_without_row"
    OFFSET_ORDER = "offset_order"


OF_THE_LANE = frozenset(
    {Kind.RECEIVED, Kind.DONE, Kind.PARKED, Kind.REJECTED, Kind.PARKED_KEYS, Kind.ROW_MISSING, Kind.OUTCOME_UNEXPLAINED}
)
"""Kinds that each full comparison of a lane judges anew; the others belong to the stretch that was read."""


@dataclass(frozen=True, slots=True)
class LaneCounts:
    """One lane in numbers, either as its counters hold them or as its rows show them."""

    received: int | None
    """None where it was not counted, since too many rows are pending."""
    done: int
    """Rows at or below the watermark, whatever became of them."""
    parked: int
    rejected: int
    parked_keys: int


@dataclass(frozen=True, slots=True)
class Place:
    """Offsets of a partition, or lines of a part, from and to inclusive; None where nobody can know."""

    source: str
    partition: int
    from_offset: int | None
    to_offset: int | None


@dataclass(frozen=True, slots=True)
class LaneRemainder:
    """One thing that does not agree, with where it lies: after `from_sequence`, up to `to_sequence`."""

    kind: Kind
    rows: int
    """Rows found less rows expected."""
    from_sequence: int
    to_sequence: int
    detail: str
    places: tuple[Place, ...] = ()


def differences(rows: LaneCounts, counters: LaneCounts) -> dict[Kind, int]:
    """What the rows show less what the counters hold, where that is not zero."""
    found = {}
    for one in fields(LaneCounts):
        shown, held = getattr(rows, one.name), getattr(counters, one.name)
        if shown is not None and shown != held:
            found[Kind(one.name)] = shown - held
    return found


@dataclass(frozen=True, slots=True)
class Fall:
    """A row whose offset is not above that of the row before it in its lane, source and generation."""

    sequence: int
    source_id: int
    before: int
    offset: int


@dataclass(frozen=True, slots=True)
class Rewind:
    """A person let a partition go on below where it stood, since its topic had been made anew."""

    source_id: int
    from_offset: int
    to_offset: int


def unexcused(falls: Iterable[Fall], rewinds: Iterable[Rewind]) -> list[Fall]:
    """The falls that no accepted rewind explains."""
    known = list(rewinds)
    return [
        fall
        for fall in falls
        if not any(
            one.source_id == fall.source_id and fall.before < one.from_offset and fall.offset >= one.to_offset
            for one in known
        )
    ]


@dataclass(frozen=True, slots=True)
class Numbered:
    """One raw row of any lane: its number in the stream, and where it came from."""

    sequence: int
    source_id: int
    offset: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequences that no row has, from and to inclusive, with the rows on both sides; None at the ends of the stream."""

    from_sequence: int
    to_sequence: int
    before: Numbered | None
    after: Numbered | None

    @property
    def rows(self) -> int:
        """How many rows that is."""
        return self.to_sequence - self.from_sequence + 1


def gaps(before: Numbered | None, rows: Iterable[Numbered], parts: Mapping[int, int]) -> list[Gap]:
    """Sequences that are missing among all rows of a stream, in order; `before` precedes them, None is the beginning.

    The master takes its numbers in the transaction that stores the rows, and a part has a row for each of its lines:
    `parts` holds {source id: lines}.
    """
    found = []
    for row in rows:
        stretches = [_start_of(row, parts)] if before is None else _between(before, row, parts)
        found += [Gap(first, last, before, row) for first, last in stretches if first <= last]
        before = row
    return found


def gap_at_the_end(last: Numbered, next_sequence: int, parts: Mapping[int, int]) -> list[Gap]:
    """What is missing behind the last row of all, when the stream's counter stands at `next_sequence`."""
    if last.sequence >> NUMBER_BITS == next_sequence >> NUMBER_BITS:
        first, end = last.sequence + 1, next_sequence - 1
    else:
        first, end = _rest_of_part(last, parts)
    return [Gap(first, end, last, None)] if first <= end else []


def _between(before: Numbered, row: Numbered, parts: Mapping[int, int]) -> list[tuple[int, int]]:
    same_generation = before.sequence >> NUMBER_BITS == row.sequence >> NUMBER_BITS
    if same_generation and (row.source_id not in parts or before.source_id == row.source_id):
        return [(before.sequence + 1, row.sequence - 1)]
    return [_rest_of_part(before, parts), _start_of(row, parts)]


def _rest_of_part(row: Numbered, parts: Mapping[int, int]) -> tuple[int, int]:
    if row.source_id not in parts:
        return 0, -1  # a generation of the stream ends where it ends
    _, line = snapshot_place(unpack(row.sequence)[1])
    return row.sequence + 1, row.sequence - line + parts[row.source_id]


def _start_of(row: Numbered, parts: Mapping[int, int]) -> tuple[int, int]:
    if row.source_id in parts:
        return (row.sequence >> LINE_BITS << LINE_BITS) + 1, row.sequence - 1
    return row.sequence >> NUMBER_BITS << NUMBER_BITS, row.sequence - 1
