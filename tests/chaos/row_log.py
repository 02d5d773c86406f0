"""What the server's row binary log says was written: key and sequence of every row of some tables, in commit order."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import randrange
from typing import NamedTuple

import pymysql
from sqlalchemy.engine import make_url

from tests.chaos.row_images import Column, RowImages, columns_of

_DUMP, _DUMP_FLAGS, _FROM_THE_BEGINNING = 0x12, 0x01, 4
"""COM_BINLOG_DUMP, BINLOG_DUMP_NON_BLOCK (end where the log ends), and the place of a file's first event."""
_HEADER = struct.Struct("<IBIIIH")
_CHECKSUM_BYTES = 4
_ROTATE, _TABLE, _WRITE, _UPDATE, _DELETE = 4, 19, 30, 31, 32
_COMPRESSED, _PARTIAL = 40, 39


class LogPlace(NamedTuple):
    """A file of the log and a byte in it."""

    file: str
    position: int


@dataclass(frozen=True, slots=True)
class Watched:
    """The columns of one table that are looked at, by their ordinal from 0."""

    key: tuple[int, ...]
    sequence: int


class Change(NamedTuple):
    """One row of one table as a transaction left it; `sequence` is None where it was deleted."""

    table: str
    key: tuple[object, ...]
    sequence: int | None


class RowLog:
    """The log of one server, read as a replica reads it."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    def place(self) -> LogPlace:
        """Where the next event will be written."""
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW BINARY LOG STATUS")
            file, position, *_ = cursor.fetchone()
        return LogPlace(file, position)

    def changes(self, since: LogPlace, schema: str, tables: Mapping[str, Watched]) -> Iterator[Change]:
        """Everything that was committed to these tables of `schema` since then, up to now.

        Each file is read on its own: after a crash the server numbers its tables anew.
        """
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW BINARY LOGS")
            files = [row[0] for row in cursor.fetchall()]
            cursor.execute("SELECT @@global.binlog_format, @@global.binlog_checksum")
            form, checksum = cursor.fetchone()
        if form != "ROW":
            raise ValueError(f"binlog_format is {form}: only ROW tells what was written")
        for file in files[files.index(since.file) :]:
            begin = since.position if file == since.file else _FROM_THE_BEGINNING
            reading = _File(schema, tables, cut=_CHECKSUM_BYTES if checksum == "CRC32" else 0)
            for kind, body in self._events(LogPlace(file, begin)):
                yield from reading.changes(kind, body)

    def _events(self, place: LogPlace) -> Iterator[tuple[int, bytes]]:
        """(kind, body) of every event of one file."""
        with self._connected() as connection:
            connection.query("SET @source_binlog_checksum = @@global.binlog_checksum")
            replica = randrange(1 << 16, 1 << 31)  # the server sends the other one away where two have one number
            request = struct.pack("<IHI", place.position, _DUMP_FLAGS, replica) + place.file.encode()
            connection._execute_command(_DUMP, request)
            while True:
                packet = connection._read_packet()
                if packet.is_eof_packet():
                    return
                event = packet.get_all_data()
                kind, body = event[5], event[1 + _HEADER.size :]
                if kind == _ROTATE and not body[8:].startswith(place.file.encode()):
                    return
                yield kind, body

    def _connected(self) -> pymysql.Connection:
        url = self._url
        return pymysql.connect(
            host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", read_timeout=60
        )  # fmt: skip


class _File:
    """What the table numbers of one file of the log stand for."""

    def __init__(self, schema: str, tables: Mapping[str, Watched], *, cut: int) -> None:
        self._schema, self._tables, self._cut = schema, tables, cut
        self._known: dict[bytes, tuple[str, Watched, Sequence[Column]] | None] = {}

    def changes(self, kind: int, body: bytes) -> Iterator[Change]:
        if kind in (_COMPRESSED, _PARTIAL):
            raise ValueError("binlog_transaction_compression and binlog_row_value_options must be off to be read here")
        if kind == _TABLE:
            self._learn(body)
        elif kind in (_WRITE, _UPDATE, _DELETE) and (known := self._known[body[:6]]) is not None:
            name, watched, columns = known
            wanted = frozenset((*watched.key, watched.sequence))
            images = RowImages(columns, wanted).read(body[: len(body) - self._cut], pairs=kind == _UPDATE)
            for before, after in images:
                written = None if kind == _DELETE else (after or before)
                key = tuple(before[one] for one in watched.key)
                if written is not None and (new := tuple(written[one] for one in watched.key)) != key:
                    yield Change(name, key, None)  # an update that moves a row to another key
                    key = new
                yield Change(name, key, None if written is None else int(written[watched.sequence]))

    def _learn(self, body: bytes) -> None:
        schema, name, columns = columns_of(body[: len(body) - self._cut])
        watched = self._tables.get(name) if schema == self._schema else None
        self._known[body[:6]] = None if watched is None else (name, watched, columns)
