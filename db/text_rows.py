"""Rows of a query as bytes, read from the wire in one pass: several times faster than the driver's own reader.

Format: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
(length-encoded strings, 0xFB for NULL; a packet shorter than 9 bytes that begins with 0xFE ends the rows).
"""

from collections.abc import Callable
from typing import Any

Row = list[Any]
"""One column a place: bytes, or None for NULL."""

_NULL, _TWO, _THREE, _EIGHT, _EOF, _ERROR = 0xFB, 0xFC, 0xFD, 0xFE, 0xFE, 0xFF
_LONGEST_EOF = 9
_FULL_PACKET = 0xFFFFFF


class ServerError(Exception):
    """An ERR packet amid the rows; `packet` holds it whole."""

    def __init__(self, packet: bytes) -> None:
        super().__init__("error packet")
        self.packet = packet


class Malformed(Exception):
    """A packet whose fields are not those of a row: the connection no longer says what the server meant."""


def read_rows(more: Callable[[], bytes], columns: int) -> list[Row]:
    """All rows of a result; `more` gives the next bytes of the connection, as many as there are."""
    try:
        return _read_rows(more, columns)
    except LookupError as error:
        raise Malformed("a field begins behind the end of its row") from error


def _read_rows(more: Callable[[], bytes], columns: int) -> list[Row]:  # noqa: C901 - a call a row would cost a third of the time
    buffer, place, end = b"", 0, 0
    rows: list[Row] = []
    fields = range(columns)
    while True:
        while end - place < 4:  # noqa: PLR2004 - a packet's header
            buffer = buffer[place:] + more()
            place, end = 0, len(buffer)
        size = buffer[place] | buffer[place + 1] << 8 | buffer[place + 2] << 16
        missing = place + 4 + size - end
        if missing > 0:
            buffer, end = _filled(buffer[place:], missing, more)
            place = 0
        place += 4
        behind = place + size
        if size and buffer[place] >= _EOF and _over(buffer[place:behind]):
            return rows
        if size == _FULL_PACKET:
            body, buffer = _long_packet(buffer[place:], more)
            rows.append(_fields(body, columns))
            place, end = 0, len(buffer)
            continue
        # The same as `_fields`, in place: a call a row, and the slice for it, would cost a third of the time.
        row: Row = []
        for _ in fields:
            length = buffer[place]
            if length < _NULL:
                start = place + 1
            elif length == _TWO:
                length = buffer[place + 1] | buffer[place + 2] << 8
                start = place + 3
            elif length == _NULL:
                row.append(None)
                place += 1
                continue
            else:
                start = place + (4 if length == _THREE else 9)
                length = int.from_bytes(buffer[place + 1 : start], "little")
            place = start + length
            row.append(buffer[start:place])
        if place != behind:
            raise Malformed(f"the fields of a row end {place - behind} bytes behind its packet")
        rows.append(row)


def _over(packet: bytes) -> bool:
    """Whether a packet that begins like an end is one, or a row whose first field is of 16 MiB and more."""
    if packet[0] == _ERROR:
        raise ServerError(packet)
    return len(packet) < _LONGEST_EOF


def _fields(body: bytes, columns: int) -> Row:
    row: Row = []
    place = 0
    for _ in range(columns):
        length, start = body[place], place + 1
        if length == _NULL:
            row.append(None)
            place = start
            continue
        if length > _NULL:
            start = place + {_TWO: 3, _THREE: 4, _EIGHT: 9}[length]
            length = int.from_bytes(body[place + 1 : start], "little")
        place = start + length
        row.append(body[start:place])
    if place != len(body):
        raise Malformed("the fields of a long row do not end where it does")
    return row


def _filled(buffer: bytes, missing: int, more: Callable[[], bytes]) -> tuple[bytes, int]:
    parts = [buffer]
    while missing > 0:
        part = more()
        parts.append(part)
        missing -= len(part)
    whole = b"".join(parts)
    return whole, len(whole)


def _long_packet(buffer: bytes, more: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """A row of 16 MiB or more, which spans packets: (its bytes, what follows)."""
    parts = [buffer[:_FULL_PACKET]]
    rest = buffer[_FULL_PACKET:]
    size = _FULL_PACKET
    while size == _FULL_PACKET:
        rest, _ = _filled(rest, 4 - len(rest), more)
        size = int.from_bytes(rest[:3], "little")
        rest, _ = _filled(rest[4:], size - (len(rest) - 4), more)
        parts.append(rest[:size])
        rest = rest[size:]
    return b"".join(parts), rest
