"""How a processed row can differ from what its document says, named so that one cause has one name. Pure."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from migration_core.pattern import shape


class DifferenceKind(StrEnum):
    """In both directions."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as its document says; of a different row, one column."""

    table: str
    kind: DifferenceKind
    key_hash: int
    primary_key: str
    """JSON list of the primary key's columns as text."""
    column: str = ""
    pattern: str = ""
    expected: str | None = None
    """Masked unless the mapping declares the column public; None is NULL, or no row at all."""
    actual: str | None = None


REJECTED_NOW = "the mapping rejects its document"
UNKNOWN_KEY = "no document ever had its key"
GONE = "its document is gone, or has no such row"
NO_ROW = "its document says there is one"
_SHOWN = 200


def change_pattern(expected: str | None, actual: str | None) -> str:
    """What happened to one value: the same words for all values that the same cause has changed."""
    if expected is None or actual is None:
        return f"{'NULL' if expected is None else shape(expected)} became {'NULL' if actual is None else shape(actual)}"
    for name, test in _TEXT_CAUSES:
        if test(expected, actual):
            return name
    found = _numeric_cause(expected, actual)
    return found or f"{shape(expected)} became {shape(actual)}"


_TEXT_CAUSES = (
    ("emptied", lambda _expected, actual: not actual),
    ("blanks at the end", lambda expected, actual: expected.rstrip() == actual.rstrip()),
    ("blanks around", lambda expected, actual: expected.strip() == actual.strip()),
    ("upper and lower case", lambda expected, actual: expected.casefold() == actual.casefold()),
    ("cut short", lambda expected, actual: len(actual) < len(expected) and expected.startswith(actual)),
)


def _numeric_cause(expected: str, actual: str) -> str:
    try:
        wanted, found = Decimal(expected), Decimal(actual)
    except InvalidOperation:
        return ""
    if wanted == wanted.to_integral_value() and found == found.to_integral_value():
        return "another whole number"
    return "rounded" if abs(wanted - found) < 1 else "another number"


def shown(value: str | None, *, public: bool) -> str | None:
    """A value as people may see it: as it is where its column is public, else its shape."""
    if value is None:
        return None
    return value[:_SHOWN] if public else shape(value)
