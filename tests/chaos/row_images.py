"""Single columns of the row images of MySQL's binary log; the others are stepped over by their lengths."""

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

_TABLE_HEADER_BYTES, _ROWS_HEADER_BYTES = 8, 8
"""Number of the table and flags, before what differs."""

_FIXED = {1: 1, 2: 2, 9: 3, 3: 4, 8: 8, 4: 4, 5: 8, 13: 1, 10: 3, 14: 3}
"""{type: bytes}: TINY, SHORT, INT24, LONG, LONGLONG, FLOAT, DOUBLE, YEAR, DATE."""
_INTEGERS = frozenset({1, 2, 3, 8, 9})
_MOMENTS = {17: 4, 18: 5, 19: 3}
"""TIMESTAMP2, DATETIME2, TIME2, without their fractions."""
_DECIMAL, _VARCHAR, _STRING, _BIT = 246, 15, 254, 16
_ENUM, _SET = 247, 248
_BLOBS = frozenset({242, 245, 252, 255})
"""VECTOR, JSON, BLOB and TEXT, GEOMETRY: their metadata is the size of their length."""
_METADATA = {4: 1, 5: 1, _VARCHAR: 2, _BIT: 2, _DECIMAL: 2, _STRING: 2} | dict.fromkeys((*_MOMENTS, *_BLOBS), 1)
_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""What so many decimal digits take, up to nine."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as TABLE_MAP_EVENT describes it."""

    kind: int
    metadata: bytes

    def span(self, image: bytes, place: int) -> tuple[int, int]:
        """Where the value that stands at `place` begins and ends, without its length. Pure."""
        kind, metadata = self.kind, self.metadata
        if kind in _FIXED:
            return place, place + _FIXED[kind]
        if kind in _MOMENTS:
            return place, place + _MOMENTS[kind] + (metadata[0] + 1) // 2
        if kind == _DECIMAL:
            return place, place + _decimal_bytes(*metadata)
        if kind == _BIT:
            return place, place + metadata[1] + (metadata[0] > 0)
        if kind == _STRING and metadata[0] in (_ENUM, _SET):
            return place, place + metadata[1]
        begin = place + self._length_bytes()
        return begin, begin + int.from_bytes(image[place:begin], "little")

    def value(self, image: bytes, begin: int, end: int) -> object:
        """Integers as such (keys and sequences are never negative), texts as such, all else as its bytes. Pure."""
        found = image[begin:end]
        if self.kind in _INTEGERS:
            return int.from_bytes(found, "little")
        return found.decode(errors="surrogateescape") if self.kind in (_VARCHAR, _STRING) else found

    def _length_bytes(self) -> int:
        if self.kind in _BLOBS:
            return self.metadata[0]
        if self.kind == _VARCHAR:
            return 1 if int.from_bytes(self.metadata, "little") < 1 << 8 else 2
        if self.kind == _STRING:  # two bits of a CHAR's length hide, turned over, in the byte of its type
            return 1 if not (self.metadata[0] & 0x30) ^ 0x30 else 2
        raise ValueError(f"columns of type {self.kind} are not known here")


def columns_of(body: bytes) -> tuple[str, str, list[Column]]:
    """(schema, table, columns) of the body of a TABLE_MAP_EVENT. Pure."""
    schema, place = _name(body, _TABLE_HEADER_BYTES)
    table, place = _name(body, place)
    count, place = _number(body, place)
    kinds, place = body[place : place + count], place + count
    _, place = _number(body, place)
    columns = []
    for kind in kinds:
        size = _METADATA.get(kind, 0)
        columns.append(Column(kind, body[place : place + size]))
        place += size
    return schema, table, columns


@dataclass(frozen=True, slots=True)
class RowImages:
    """Reads the `wanted` columns, by ordinal, of every row of an event."""

    columns: Sequence[Column]
    wanted: Collection[int]

    def read(self, body: bytes, *, pairs: bool) -> Iterator[tuple[Mapping[int, object], Mapping[int, object] | None]]:
        """(before, after) of an update where there are `pairs`, else (image, None). Pure."""
        (extra,) = struct.unpack_from("<H", body, _ROWS_HEADER_BYTES)
        count, place = _number(body, _ROWS_HEADER_BYTES + extra)
        size = (count + 7) // 8
        present = [body[place : place + size], body[place + size : place + 2 * size]]
        place += size * (2 if pairs else 1)
        whole = (1 << count) - 1
        if any(int.from_bytes(bits, "little") & whole != whole for bits in present[: 2 if pairs else 1]):
            raise ValueError("binlog_row_image must be FULL to be read here")
        while place < len(body):
            first, place = self._image(body, place, size)
            second = None
            if pairs:
                second, place = self._image(body, place, size)
            yield first, second

    def _image(self, body: bytes, place: int, size: int) -> tuple[Mapping[int, object], int]:
        absent = int.from_bytes(body[place : place + size], "little")
        place += size
        found: dict[int, object] = {}
        for number, column in enumerate(self.columns):
            if absent >> number & 1:
                continue
            begin, place = column.span(body, place)
            if number in self.wanted:
                found[number] = column.value(body, begin, place)
        return found, place


def _decimal_bytes(precision: int, scale: int) -> int:
    whole = precision - scale
    return whole // 9 * 4 + _DIGIT_BYTES[whole % 9] + scale // 9 * 4 + _DIGIT_BYTES[scale % 9]


def _name(body: bytes, place: int) -> tuple[str, int]:
    """A name behind one byte of length, with a zero behind it."""
    end = place + 1 + body[place]
    return body[place + 1 : end].decode(), end + 1


def _number(body: bytes, place: int) -> tuple[int, int]:
    """A length-encoded integer."""
    first = body[place]
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    if not size:
        return first, place + 1
    return int.from_bytes(body[place + 1 : place + 1 + size], "little"), place + 1 + size
