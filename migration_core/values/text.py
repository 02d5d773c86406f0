"""Strings, enumerations and bytes."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from migration_core.target import TargetColumn
from migration_core.values.field import Field
from migration_core.values.quick import Convert, Quick

_CODECS = {"latin1": "cp1252", "ascii": "ascii"}
_BEYOND_UTF8MB3 = 0xFFFF
_COUNTED_IN_BYTES = frozenset({"tinytext", "text", "mediumtext", "longtext", "binary", "varbinary"}) | frozenset(
    {"tinyblob", "blob", "mediumblob", "longblob"}
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Without tab, line feed and carriage return, which texts of people hold."""


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a column takes unchanged."""

    characters: int | None = None
    octets: int | None = None
    charset: str | None = None
    """Only when it lacks characters."""
    padded: bool = False
    """CHAR, which loses blanks at the end."""
    exact: int | None = None
    """The bytes of BINARY, which fills up with zeros."""

    @classmethod
    def of(cls, column: TargetColumn | None) -> Self:
        if column is None:
            return cls()
        in_bytes = column.data_type in _COUNTED_IN_BYTES
        return cls(
            None if in_bytes else column.char_length,
            column.byte_length if in_bytes else None,
            None if column.charset in (None, "utf8mb4", "binary") else column.charset,
            column.data_type == "char",
            column.byte_length if column.data_type == "binary" else None,
        )

    @property
    def unseen(self) -> int | None:
        """A length up to which any text goes in; None when each must be looked at."""
        if self.charset is not None or self.padded or self.exact is not None:
            return None
        found = [limit for limit in (self.characters, self.octets and self.octets // 4) if limit is not None]
        return min(found, default=1 << 30)


def string(field: Field, column: TargetColumn | None, *, coerce: bool, control: bool) -> Convert:
    """Text that fits the column, in characters and in bytes; control characters only where `control` allows them."""
    limits = _Limits.of(column)

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not str:
            value = _as_text(value, field) if coerce else _refuse(field, value)
        if not control and _CONTROL.search(value):
            raise field.reject("TEXT_CONTROL_CHAR", "a control character, which the mapping refuses", value)
        _check_fit(field, value, limits)
        return value

    return convert


def quick_string(column: TargetColumn | None, *, control: bool) -> Quick | None:
    """Texts that are short enough in any characters."""
    longest = _Limits.of(column).unseen
    if longest is None:
        return None
    # Nothing printable is a control character; what is neither is looked at.
    printable = "" if control else " and {v}.isprintable()"
    return Quick(f"{{v}}.__class__ is str and len({{v}}) <= {longest}{printable}")


def enum(field: Field, column: TargetColumn | None, words: Mapping[str, str] | None) -> tuple[Convert, Quick]:
    """One of the column's words, or of the mapping's words for them; letter by letter."""
    allowed = dict(words) if words else {word: word for word in (column.enum_values if column else ())}

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        found = allowed.get(value) if type(value) is str else None
        if found is None:
            raise field.reject("ENUM_UNKNOWN", "the column has no such word", value)
        return found

    return convert, Quick("{v}.__class__ is str and {v} in {words}", "{words}[{v}]", {"words": allowed})


def binary(field: Field, column: TargetColumn | None, encoding: str) -> Convert:
    """Bytes written as base64 or hexadecimal text."""
    longest = column.byte_length if column else None
    exact = _Limits.of(column).exact

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not str:
            _refuse(field, value)
        try:
            found = bytes.fromhex(value) if encoding == "hex" else base64.b64decode(value, validate=True)
        except (ValueError, binascii.Error) as error:
            raise field.reject("TYPE_MISMATCH", f"the text is no {encoding}", value) from error
        if encoding == "hex" and len(found) * 2 != len(value):  # `fromhex` passes over blanks
            raise field.reject("TYPE_MISMATCH", "the text is no hex", value)
        if longest is not None and len(found) > longest:
            raise field.reject("STR_TOO_LONG", f"{len(found)} bytes, the column takes {longest}", value)
        if exact is not None and len(found) != exact:
            raise field.reject("STR_PADDED", f"{len(found)} bytes, BINARY would fill them up to {exact}", value)
        return found

    return convert


def _check_fit(field: Field, value: str, limits: _Limits) -> None:
    if limits.characters is not None and len(value) > limits.characters:
        raise field.reject("STR_TOO_LONG", f"{len(value)} characters, the column takes {limits.characters}", value)
    if limits.charset is not None:
        _check_charset(field, value, limits.charset)
    if limits.octets is not None and len(value) * 4 > limits.octets:
        size = len(value.encode(_CODECS.get(limits.charset or "", "utf-8")))
        if size > limits.octets:
            raise field.reject("STR_TOO_LONG", f"{size} bytes, the column takes {limits.octets}", value)
    if limits.padded and value.endswith(" "):
        raise field.reject("STR_PADDED", "a CHAR column loses blanks at the end; use VARCHAR", value)
    if limits.exact is not None and len(value.encode()) != limits.exact:
        raise field.reject("STR_PADDED", f"BINARY would fill the text up to {limits.exact} bytes", value)


def _check_charset(field: Field, value: str, charset: str) -> None:
    if charset == "utf8mb3":
        fits = value.isascii() or max(map(ord, value), default=0) <= _BEYOND_UTF8MB3
    else:
        try:
            value.encode(_CODECS.get(charset, "ascii"))
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
