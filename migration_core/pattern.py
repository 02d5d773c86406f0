"""What rejects of one cause have in common: where and how they failed and the shape of the value, never the value."""

from decimal import Decimal
from hashlib import sha256
from itertools import groupby, pairwise

from migration_core.errors import Reason

_LENGTHS = (1, 4, 16, 64, 256, 1024, 65536)
_SHOWN_CLASSES = 12


def shape(value: object) -> str:
    """Type, length class and character classes of a JSON value, as in `string 5..16 Aa-9`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | Decimal() | float():
            return _number(value)
        case str():
            return f"string {_length(len(value))} {_classes(value)}".rstrip()
        case bytes():
            return f"bytes {_length(len(value))}"
        case list():
            return f"array {_length(len(value))}"
        case dict():
            return f"object {_length(len(value))}"
    return type(value).__name__


def pattern_hash(stream: str, stage: str, code: str, field_path: str, shape_: str) -> str:
    """The identity of a pattern, in hexadecimal; stable over versions of the program."""
    return sha256(f"{stream}\x1f{stage}\x1f{code}\x1f{field_path}\x1f{shape_}".encode()).hexdigest()


def reason_hash(stream: str, reason: Reason) -> str:
    """The hash that rejects of one cause share."""
    return pattern_hash(stream, reason.stage, reason.code, reason.field_path, reason.shape)


def _number(value: float | Decimal) -> str:
    sign = "negative " if value < 0 else ""
    if isinstance(value, int):
        # Counting digits of a huge integer by str() would be quadratic, and refused above 4,300 digits.
        return f"{sign}integer {_length(max(1, value.bit_length() * 30103 // 100000))}"
    return f"{sign}fraction"


def _length(count: int) -> str:
    if count <= 1:
        return str(count)
    for below, high in pairwise(_LENGTHS):
        if count <= high:
            return f"{below + 1}..{high}"
    return f"over {_LENGTHS[-1]}"


def _classes(text: str) -> str:
    """Runs of character classes: A upper, a lower, 9 digit, _ blank, c control, - other ASCII, u the rest."""
    runs = [name for name, _ in groupby(_class(character) for character in text[:256])]
    return "".join(runs[:_SHOWN_CLASSES]) + ("…" if len(runs) > _SHOWN_CLASSES else "")


def _class(character: str) -> str:
    if not character.isascii():
        return "u"
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    if character == " ":
        return "_"
    return "-" if character.isprintable() else "c"
