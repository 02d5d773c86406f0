"""A raw row's place in its stream: generation and number, packed into one BIGINT that sorts in apply order."""

from migration_core.errors import Halted

GENERATION_BITS, NUMBER_BITS = 12, 51
PART_BITS, LINE_BITS = 17, 34
LAST_NUMBER = (1 << NUMBER_BITS) - 1
LAST_GENERATION = (1 << GENERATION_BITS) - 1


def pack(generation: int, number: int) -> int:
    """The sequence of the row `number` of `generation`; overflow halts, since a wrapped number would reorder rows."""
    if not 0 < generation <= LAST_GENERATION:
        raise Halted(f"generation {generation} is outside 1..{LAST_GENERATION}: begin a fresh control schema")
    if not 0 <= number <= LAST_NUMBER:
        raise Halted(f"number {number} is outside 0..{LAST_NUMBER}: reload the stream to begin a new generation")
    return generation << NUMBER_BITS | number


def unpack(sequence: int) -> tuple[int, int]:
    """(generation, number) of a sequence."""
    return sequence >> NUMBER_BITS, sequence & LAST_NUMBER


def first_of(generation: int) -> int:
    """The lowest sequence that a row of `generation` can have."""
    return pack(generation, 0)


def closed_end(generation: int) -> int:
    """What `open_to` is when `generation` gets no more rows: its rows lie before, those of the next one behind."""
    return pack(generation + 1, 0)


def last_of(generation: int) -> int:
    """The highest sequence that a row of `generation` can have: what `open_to` is when all of it is open."""
    return pack(generation, LAST_NUMBER)


def snapshot_number(part: int, line: int) -> int:
    """The number of line `line` (from 1) in part `part` (from 1) of a snapshot."""
    if not 0 <= part < 1 << PART_BITS:
        raise Halted(f"part {part} is outside 0..{(1 << PART_BITS) - 1}: write the snapshot in fewer, larger parts")
    if not 0 <= line < 1 << LINE_BITS:
        raise Halted(f"line {line} is outside 0..{(1 << LINE_BITS) - 1}: split this part")
    return part << LINE_BITS | line


def snapshot_place(number: int) -> tuple[int, int]:
    """(part, line) of a snapshot row's number."""
    return number >> LINE_BITS, number & ((1 << LINE_BITS) - 1)
