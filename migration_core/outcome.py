"""What finally became of one raw row: exactly one of five."""

from enum import IntEnum


class Outcome(IntEnum):
    """Stored as a small number in `row_outcome`, which only keeps PARKED and REJECTED rows."""

    APPLIED = 1
    SUPERSEDED = 2
    FILTERED = 3
    PARKED = 4
    REJECTED = 5
