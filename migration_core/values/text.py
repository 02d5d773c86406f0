"""Strings, enumerations and bytes."""

import base64
import binascii
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from migration_core.target import TargetColumn
from migration_core.values.field import Field

Convert = Callable[[Any], Any]

_CODECS = {"latin1": "cp1252", "ascii": "ascii", "utf8mb3": None, "utf8mb4": None, "binary": None}
_BEYOND_UTF8MB3 = 0xFFFF
_COUNTED_IN_BYTES = frozenset({"tinytext", "text", "mediumtext", "longtext", "binary", "varbinary"}) | frozenset(
    {"tinyblob", "blob", "mediumblob", "longblob"}
)


def string(field: Field, column: TargetColumn | None, *, coerce: bool) -> Convert:
    """Text of any content that fits the column, in characters and in bytes."""
    longest, in_bytes, charset = _limits(column)

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not str:
            value = _as_text(value, field) if coerce else _refuse(field, value)
        if longest is not None and len(value) > longest:
            raise field.reject("STR_TOO_LONG", f"{len(value)} characters, the column takes {longest}", value)
        if in_bytes is not None and len(value) * 4 > in_bytes and len(value.encode()) > in_bytes:
            raise field.reject("STR_TOO_LONG", f"more bytes than the column's {in_bytes}", value)
        if charset is not None:
            _check_charset(field, value, charset)
        return value

    return convert


def longest_plain(column: TargetColumn | None) -> int | None:
    """A length up to which any str may go in unchecked; None when each must be looked at."""
    longest, in_bytes, charset = _limits(column)
    if charset is not None:
        return None
    limits = [limit for limit in (longest, None if in_bytes is None else in_bytes // 4) if limit is not None]
    return min(limits) if limits else 1 << 30


def enum(field: Field, column: TargetColumn | None, words: Mapping[str, str] | None) -> Convert:
    """One of the column's words, or of the mapping's words for them; letter by letter."""
    allowed = dict(words) if words else {word: word for word in (column.enum_values if column else ())}

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        found = allowed.get(value) if type(value) is str else None
        if found is None:
            raise field.reject("ENUM_UNKNOWN", "the column has no such word", value)
        return found

    return convert


def binary(field: Field, column: TargetColumn | None, encoding: str) -> Convert:
    """Bytes written as base64 or hexadecimal text."""
    longest = column.byte_length if column else None

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not str:
            _refuse(field, value)
        try:
            found = bytes.fromhex(value) if encoding == "hex" else base64.b64decode(value, validate=True)
        except (ValueError, binascii.Error) as error:
            raise field.reject("TYPE_MISMATCH", f"the text is no {encoding}", value) from error
        if longest is not None and len(found) > longest:
            raise field.reject("STR_TOO_LONG", f"{len(found)} bytes, the column takes {longest}", value)
        return found

    return convert


def _limits(column: TargetColumn | None) -> tuple[int | None, int | None, str | None]:
    """(most characters, most bytes, character set that does not take everything)."""
    if column is None:
        return None, None, None
    counted_in_bytes = column.data_type in _COUNTED_IN_BYTES
    charset = None if column.charset in (None, "utf8mb4", "binary") else column.charset
    return (
        None if counted_in_bytes else column.char_length,
        column.byte_length if counted_in_bytes else None,
        charset,
    )


def _check_charset(field: Field, value: str, charset: str) -> None:
    if charset == "utf8mb3":
        fits = value.isascii() or max(map(ord, value), default=0) <= _BEYOND_UTF8MB3
    else:
        try:
            value.encode(_CODECS.get(charset) or "ascii")
        except UnicodeEncodeError:
            fits = False
        else:
            fits = True
    if not fits:
        raise field.reject("MYSQL_1366_CHARSET", f"the column's character set {charset} lacks a character", value)


def _as_text(value: object, field: Field) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
    raise field.reject("TYPE_MISMATCH", "no text, and nothing that can be written as text", value)


def _refuse(field: Field, value: object) -> Any:  # noqa: ANN401 - never returns
    raise field.reject("TYPE_MISMATCH", "not a string", value)
