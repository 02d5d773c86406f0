"""One text for each value of a processed row, the same from the server's SQL and from a mapped row in this process.

Where both texts are equal the values are. Where they differ the values may still be the same number or JSON, so
`same` looks again: an unusual spelling costs time, never a false alarm.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from db.bulk import quoted
from migration_core.mapping import CompiledTable, Kind
from migration_core.target import TargetColumn, TargetTable

# Control characters that no name and hardly a text holds, and that keep a row's text ASCII where its values are.
_BETWEEN, _NULL = "\x1f", "\x1enull\x1e"
_BYTES = frozenset({"varbinary", "binary", "tinyblob", "blob", "mediumblob", "longblob"})
_SAFE_SCALE = 6
"""Digits up to which str() of a Decimal never has an exponent."""
_FIXED = range(-14, 16)
"""Positions of the decimal point for which MySQL writes no exponent."""
_LONGEST_DOUBLE = 24
"""Characters of a DOUBLE column's text; JSON has no such limit."""
_SAME_SPELLING = (1e-5, 1e15)
_SHORT = 256
_decode, _encode, _spaced = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode, msgspec.json.format


@dataclass(frozen=True, slots=True)
class CanonicalTable:
    """How the rows of one table are told apart by text."""

    columns: tuple[str, ...]
    """SQL, one a column: its text, or NULL."""
    row: str
    """SQL: the whole row as one text."""
    encode: Callable[[Sequence[tuple[Any, ...]]], list[bytes]]
    """The same texts of mapped rows."""
    texts: tuple[Callable[[Any], str], ...]
    """One a column, of a value that is not NULL."""
    same: tuple[Callable[[Any, str], bool], ...]
    """One a column: whether a mapped value is the one whose text the server gave."""

    def value_texts(self, row: Sequence[Any]) -> list[str | None]:
        """The text of each column of a mapped row."""
        return [None if value is None else text(value) for text, value in zip(self.texts, row, strict=True)]


def canonical_table(table: CompiledTable, target: TargetTable) -> CanonicalTable:
    """Made once for a table; functions are generated from column numbers alone."""
    columns = [_target_column(target, name) for name in table.columns]
    sql = tuple(_sql(column) for column in columns)
    texts = tuple(_text(kind, column) for kind, column in zip(table.kinds, columns, strict=True))
    whole = [f"IFNULL({one}, '{_NULL}')" if column.nullable else one for one, column in zip(sql, columns, strict=True)]
    return CanonicalTable(
        columns=sql,
        # The explicit collation decides for all: columns and JSON have several that do not mix.
        row=f"CONCAT_WS('{_BETWEEN}' COLLATE utf8mb4_0900_bin, {', '.join(whole)})",
        encode=_encoder(table.kinds, columns, texts),
        texts=texts,
        same=tuple(_same(kind, column, text) for kind, column, text in zip(table.kinds, columns, texts, strict=True)),
    )


def digest(texts: Sequence[bytes]) -> int:
    """One number for these rows in any order. Not CRC32: it is linear, so rows that swap values would go unnoticed."""
    found = 0
    for text in texts:
        found ^= int.from_bytes(sha256(text).digest())
    return found


def digest_sql(row: str) -> str:
    """What `digest` makes of a group of rows, in SQL."""
    return f"HEX(BIT_XOR(UNHEX(SHA2({row}, 256))))"


def json_text(text: str) -> str:
    """JSON as MySQL writes it back: members by length and bytes of their names, doubles in its own spelling."""
    return _remembered(text) if len(text) <= _SHORT else _json_text(text)


def _json_text(text: str) -> str:
    found = _decode(text)
    try:
        return _spaced(_encode(_ordered(found)), indent=0).decode()
    except _OddNumber:
        return _written(found)


_remembered = lru_cache(4096)(_json_text)
"""Settings and the like: the same few texts in most rows."""


class _OddNumber(Exception):
    """A double that MySQL spells in another way than the encoder."""


def _ordered(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    kind = node.__class__
    if kind is dict:
        names = _in_order(tuple(node))
        return {name: value if (value := node[name]).__class__ is str else _ordered(value) for name in names}
    if kind is list:
        return [value if value.__class__ is str else _ordered(value) for value in node]
    if kind is float and not _SAME_SPELLING[0] <= abs(node) < _SAME_SPELLING[1]:
        raise _OddNumber
    return node


@lru_cache(4096)
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (len(name.encode()), name.encode())))


def _written(node: Any) -> str:  # noqa: ANN401 - any JSON value
    """The same text, made piece by piece."""
    kind = node.__class__
    if kind is dict:
        members = [f"{_encode(name).decode()}: {_written(node[name])}" for name in _in_order(tuple(node))]
        return "{" + ", ".join(members) + "}"
    if kind is list:
        return "[" + ", ".join(map(_written, node)) + "]"
    if kind is float:
        found = double_text(node)
        return found if "." in found or "e" in found else found + ".0"
    return _encode(node).decode()


def double_text(number: float, *, longest: int = 400) -> str:
    """A double as MySQL writes it: the fewest digits that give it back, with an exponent where it were too long."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    written = "".join(map(str, digits))
    point = len(written) + int(exponent)
    minus = "-" if sign else ""
    if not number:
        return f"{minus}0"
    fixed_length = max(point, len(written)) + 1 if point > 0 else 2 - point + len(written)
    if point not in _FIXED or fixed_length > longest:
        return f"{minus}{written[0]}{'.' if written[1:] else ''}{written[1:]}e{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{written}"
    if point >= len(written):
        return f"{minus}{written}{'0' * (point - len(written))}"
    return f"{minus}{written[:point]}.{written[point:]}"


def _target_column(target: TargetTable, name: str) -> TargetColumn:
    found = target.column(name)
    if found is None:
        raise LookupError(f"table {target.name} lost its column {name} since the mapping was compiled")
    return found


def _sql(column: TargetColumn) -> str:
    name = quoted(column.name)
    if column.data_type in _BYTES:
        return f"HEX({name})"
    if column.data_type == "float":
        return f"({name} + 0e0)"  # by itself it is written in six digits
    if column.charset not in (None, "utf8mb4"):
        return f"CONVERT({name} USING utf8mb4)"
    return name


def _text(kind: Kind, column: TargetColumn) -> Callable[[Any], str]:
    if column.data_type in _BYTES:
        return _hex_of_bytes if kind is Kind.BYTES else _hex_of_text
    if kind is Kind.JSON and column.data_type == "json":
        return json_text
    if kind is Kind.DOUBLE:
        return _single_text if column.data_type == "float" else _double_text
    scale = column.scale or 0
    if column.data_type == "decimal" and kind is Kind.INT and scale:
        return lambda value: f"{value}.{'0' * scale}"
    if kind is Kind.DECIMAL and scale > _SAFE_SCALE:
        return lambda value: f"{value:f}"
    return str


def _hex_of_bytes(value: bytes) -> str:
    return value.hex().upper()


def _hex_of_text(value: str) -> str:
    return value.encode().hex().upper()


def _double_text(value: float) -> str:
    return double_text(value, longest=_LONGEST_DOUBLE)


def _single_text(value: float) -> str:
    return _double_text(struct.unpack("f", struct.pack("f", value))[0])


def _encoder(
    kinds: Sequence[Kind], columns: Sequence[TargetColumn], texts: Sequence[Callable[[Any], str]]
) -> Callable[[Sequence[tuple[Any, ...]]], list[bytes]]:
    names = [f"c{index}" for index in range(len(kinds))]
    parts = []
    for index, (name, column, text) in enumerate(zip(names, columns, texts, strict=True)):
        value = name if text is str else f"t{index}({name})"
        parts.append("{" + (f"N if {name} is None else {value}" if column.nullable else value) + "}")
    source = f'lambda rows: [f"{_BETWEEN.join(parts)}".encode() for ({", ".join(names)},) in rows]'
    scope: dict[str, Any] = {"N": _NULL, **{f"t{index}": text for index, text in enumerate(texts)}}
    return eval(source, scope)  # type: ignore[no-any-return]  # noqa: S307 - built from numbers and fixed words only


def _same(kind: Kind, column: TargetColumn, text: Callable[[Any], str]) -> Callable[[Any, str], bool]:
    if text is json_text:
        return lambda value, stored: bool(_as_numbers(value) == _as_numbers(stored))
    if kind in (Kind.INT, Kind.DECIMAL):
        return lambda value, stored: Decimal(value) == Decimal(stored)
    if kind is Kind.DOUBLE and column.data_type == "float":
        return lambda value, stored: bool(struct.pack("f", value) == struct.pack("f", float(stored)))
    if kind is Kind.DOUBLE:
        return lambda value, stored: bool(value == float(stored))
    return lambda value, stored: text(value) == stored


def _as_numbers(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """JSON in which 1 is 1.0, and true is neither."""
    return _tagged(json.loads(text))


def _tagged(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    match node:
        case bool():
            return ("boolean", node)
        case dict():
            return {name: _tagged(value) for name, value in node.items()}
        case list():
            return [_tagged(value) for value in node]
    return node
