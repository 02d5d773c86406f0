"""How much an AUTO_INCREMENT column has left before its type ends."""

from collections.abc import Iterator

from migration_core.drift.difference import Difference, Subject
from migration_core.drift.facts import ColumnFacts, TableFacts

_LARGEST = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
"""Bits."""
_USED_AT_MOST = 0.75


def headroom(table: TableFacts) -> Iterator[Difference]:
    """A difference when three quarters of the numbers are used: an ALTER that widens a full table is a long one."""
    column = next((column for column in table.columns if column.auto_increment), None)
    if column is None or table.next_number is None:
        return
    limit = largest(column)
    if table.next_number > limit * _USED_AT_MOST:
        used = f"{table.next_number - 1:,} of {limit:,} used"
        wanted = f"at most {_USED_AT_MOST:.0%} used"
        if not can_step_back(table, column):
            wanted += ": a revision must widen the column"
        yield Difference(Subject.AUTO_INCREMENT, table.name, column.name, "head-room", wanted, used)


def can_step_back(table: TableFacts, column: ColumnFacts) -> bool:
    """Whether the counter alone has run away, and the rows themselves leave enough room."""
    return (table.largest_number or 0) + 1 <= largest(column) * _USED_AT_MOST


def largest(column: ColumnFacts) -> int:
    """The largest value that an integer column holds."""
    kind = column.type.partition("(")[0].partition(" ")[0]
    bits = _LARGEST.get(kind, 64)
    return int((1 << bits) - 1 if "unsigned" in column.type else (1 << (bits - 1)) - 1)
