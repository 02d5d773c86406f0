"""MySQL's packets, as far as a proxy must understand them."""

from asyncio import StreamReader
from dataclasses import dataclass

_HEADER = 4
_LONGEST = 0xFFFFFF
"""A packet that is so long goes on in the next one."""
_ERR, _EOF, _EOF_AT_MOST = 0xFF, 0xFE, 9
_MORE_RESULTS = 0x0008
_SSL, _COMPRESS = 1 << 11, 1 << 5
_OPTIONAL_METADATA, _DEPRECATE_EOF, _ZSTD, _QUERY_ATTRIBUTES = 1 << 25, 1 << 24, 1 << 26, 1 << 27
_NOT_OFFERED = _SSL | _COMPRESS | _OPTIONAL_METADATA | _DEPRECATE_EOF | _ZSTD | _QUERY_ATTRIBUTES
"""Of what a server can do: everything that would make its packets unreadable, or other than they are read here."""


class Unread(Exception):
    """The other side said something that this proxy does not understand."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One message, of several packets where it is long."""

    raw: bytes
    payload: bytes
    sequence: int
    """The number of its last packet."""

    @property
    def kind(self) -> int | None:
        """The first byte of the message, which says what it is."""
        return self.payload[0] if self.payload else None


class Packets:
    """What one side says, message by message."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    async def read(self) -> Packet:
        """The next message."""
        raw, payload = [], []
        while True:
            header = await self._reader.readexactly(_HEADER)
            length = int.from_bytes(header[:3], "little")
            part = await self._reader.readexactly(length)
            raw += [header, part]
            payload.append(part)
            if length < _LONGEST:
                return Packet(b"".join(raw), b"".join(payload), header[3])


def error_packet(sequence: int, errno: int, message: str, state: str = "") -> bytes:
    """An error as the server sends it; before a session is greeted there is no SQL state."""
    text = f"#{state}{message}" if state else message
    payload = bytes([_ERR]) + errno.to_bytes(2, "little") + text.encode()
    return _framed(sequence, payload)


def file_request(name: bytes) -> bytes:
    """What the server answers to LOAD DATA LOCAL first."""
    return _framed(1, b"\xfb" + name)


def is_end_of_rows(packet: Packet) -> bool:
    """Whether a list of definitions or rows ends here, well or by an error."""
    return packet.kind == _ERR or (packet.kind == _EOF and len(packet.payload) < _EOF_AT_MOST)


def has_more_results(packet: Packet) -> bool:
    """Whether another result follows behind this OK or EOF."""
    payload = packet.payload
    if payload[0] == _EOF:
        return bool(int.from_bytes(payload[3:5], "little") & _MORE_RESULTS)
    behind = _behind_number(payload, _behind_number(payload, 1))  # rows affected, and the id that was made
    return bool(int.from_bytes(payload[behind : behind + 2], "little") & _MORE_RESULTS)


def capabilities_masked(greeting: Packet) -> bytes:
    """The server's greeting without what this proxy cannot read."""
    raw = bytearray(greeting.raw)
    low = _HEADER + _behind_version(greeting) + 4 + 8 + 1  # the session's number, the scramble's first part
    high = low + 2 + 1 + 2  # character set, status
    mask = ~_NOT_OFFERED & 0xFFFFFFFF
    for place, part in ((low, mask & 0xFFFF), (high, mask >> 16)):
        found = int.from_bytes(raw[place : place + 2], "little") & part
        raw[place : place + 2] = found.to_bytes(2, "little")
    return bytes(raw)


def session_number(greeting: Packet) -> int:
    """What KILL takes."""
    place = _behind_version(greeting)
    return int.from_bytes(greeting.payload[place : place + 4], "little")


def _behind_version(greeting: Packet) -> int:
    return greeting.payload.index(b"\0", 1) + 1


def _behind_number(payload: bytes, place: int) -> int:
    return place + {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(payload[place], 1)


def _framed(sequence: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([sequence & 0xFF]) + payload
