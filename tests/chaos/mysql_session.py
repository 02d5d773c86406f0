"""One session through the MySQL proxy: the two sides in turn, and what a statement looks like that goes wrong."""

import re
from asyncio import StreamWriter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from tests.chaos.listening import closed, reset
from tests.chaos.mysql_wire import (
    Packet,
    Packets,
    Unread,
    capabilities_masked,
    error_packet,
    file_request,
    has_more_results,
    is_end_of_rows,
    session_number,
)

_QUERY, _QUIT, _INIT_DB, _PING, _RESET = b"\x03", b"\x01", b"\x02", b"\x0e", b"\x1f"
_OK, _ERR, _FILE, _AUTH_MORE, _AUTH_FAST_DONE = 0x00, 0xFF, 0xFB, 0x01, 3
_TEXTS = {
    1040: ("08004", "Too many connections"),
    1047: ("08S01", "Unknown command"),
    1203: ("42000", "User root already has more than 'max_user_connections' active connections"),
    1205: ("HY000", "Lock wait timeout exceeded; try restarting transaction"),
    1213: ("40001", "Deadlock found when trying to get lock; try restarting transaction"),
    1290: (
        "HY000",
        "The MySQL server is running with the --super-read-only option so it cannot execute this statement",
    ),
    1317: ("70100", "Query execution was interrupted"),
    3024: ("HY000", "Query execution was interrupted, maximum statement execution time exceeded"),
}
TOO_MANY = 1040
_UNKNOWN_COMMAND = 1047
_ROLLS_BACK_ALL = frozenset({1213})
_IN_MID_WAY = frozenset({1205, 1213, 1317, 3024})
"""Errors that come while a statement is at work: behind the data of LOAD DATA, or among the rows of a query."""
_COMMIT = re.compile(rb"\s*COMMIT\b", re.IGNORECASE)
_LOAD = re.compile(rb"\s*LOAD DATA LOCAL INFILE '([^']+)'", re.IGNORECASE)
_READS = re.compile(rb"\s*\(?\s*(SELECT|SHOW)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fail:
    """The statement fails with this error of the server."""

    errno: int

    def __str__(self) -> str:
        return str(self.errno)


class Cut(Enum):
    """The connection is lost (2013 for the client)."""

    BEFORE = auto()
    """The statement never reaches the server."""
    AFTER = auto()
    """The server has done it and answered, and the answer is lost."""

    def __str__(self) -> str:
        return f"2013-{self.name.lower()}"


Fault = Fail | Cut
LOCK_WAIT, DEADLOCK, READ_ONLY, TIME_LIMIT, KILL_QUERY = map(Fail, (1205, 1213, 1290, 3024, 1317))
AT_ANY_STATEMENT: tuple[Fault, ...] = (LOCK_WAIT, DEADLOCK, READ_ONLY, TIME_LIMIT, KILL_QUERY, *Cut)


class _Lost(EOFError):
    """The connection is over, because a fault wants it so."""


class Session:
    """One connection: the client says something, the server answers, and nobody speaks out of turn."""

    def __init__(
        self,
        met: Callable[[bytes], Fault | None],
        client: Packets,
        to_client: StreamWriter,
        server: Packets,
        to_server: StreamWriter,
    ) -> None:
        self._met = met
        self._client = client
        self._to_client = to_client
        self._server = server
        self._to_server = to_server
        self.number = 0

    async def greeted(self, refusal: int | None) -> bool:
        """Pass the exchange that opens a session; whether the server has let the client in."""
        greeting = await self._server.read()
        if greeting.kind == _ERR:
            self._to_client.write(greeting.raw)
            return False
        self.number = session_number(greeting)
        self._to_client.write(capabilities_masked(greeting))
        while True:
            said = await self._client.read()
            if refusal is not None:
                self._to_client.write(error_packet(said.sequence + 1, refusal, *reversed(_TEXTS[refusal])))
                return False
            self._to_server.write(said.raw)
            while True:
                answer = await self._server.read()
                self._to_client.write(answer.raw)
                if answer.kind in (_OK, _ERR):
                    return answer.kind == _OK
                if answer.kind != _AUTH_MORE or answer.payload[1] != _AUTH_FAST_DONE:
                    break  # it is the client's turn again

    async def serve(self) -> None:
        """Statement after statement, until the client leaves."""
        while True:
            command = await self._client.read()
            kind = command.payload[:1]
            if kind == _QUERY:
                await self._statement(command.payload[1:], command.raw)
            elif kind in (_PING, _INIT_DB, _RESET):
                self._to_server.write(command.raw)
                await self._answer()
            elif kind == _QUIT:
                self._to_server.write(command.raw)
                return
            else:
                self._fail(0, _UNKNOWN_COMMAND)
            await self._to_client.drain()

    def lose(self) -> None:
        """Both ends are reset."""
        reset(self._to_client)
        reset(self._to_server)

    async def _statement(self, text: bytes, raw: bytes) -> None:
        fault = self._met(text)
        if isinstance(fault, Fail):
            await self._failed(text, raw, fault.errno)
        elif fault is Cut.BEFORE:
            self._end()
        else:
            self._to_server.write(raw)
            await self._answer(lost=fault is Cut.AFTER)

    async def _failed(self, text: bytes, raw: bytes, errno: int) -> None:
        """As the server would have left it: the statement undone, and the transaction where the error ends it."""
        sequence = 0
        load = _LOAD.match(text)
        if load is not None and errno in _IN_MID_WAY:
            self._to_client.write(file_request(load[1]))
            while (data := await self._client.read()).payload:
                pass
            sequence = data.sequence
        elif _READS.match(text) and errno in _IN_MID_WAY - _ROLLS_BACK_ALL:
            self._to_server.write(raw)
            sequence = await self._half_the_rows()
        if errno in _ROLLS_BACK_ALL or _COMMIT.match(text):
            await self._rolled_back()
        self._fail(sequence, errno)

    async def _half_the_rows(self) -> int:
        """Pass the first half of an answer's rows, if it has some; the number of the last packet that was passed."""
        first = await self._server.read()
        if first.kind in (_OK, _ERR):
            return first.sequence - 1  # it has no rows, or fails by itself
        definitions, rows = await self._result(first)
        passed = [*definitions, *rows[: len(rows) // 2]]
        self._to_client.write(b"".join(packet.raw for packet in passed))
        return passed[-1].sequence

    async def _rolled_back(self) -> None:
        text = _QUERY + b"ROLLBACK"
        self._to_server.write(len(text).to_bytes(3, "little") + b"\x00" + text)
        answer = await self._server.read()
        if answer.kind != _OK:
            raise Unread(f"ROLLBACK was answered with {answer.payload!r}")

    def _fail(self, sequence: int, errno: int) -> None:
        state, message = _TEXTS[errno]
        self._to_client.write(error_packet(sequence + 1, errno, message, state))

    def _end(self) -> None:
        self.lose()
        raise _Lost

    async def _answer(self, *, lost: bool = False) -> None:
        """Pass one whole answer of the server, or read it and lose it."""
        kept: list[bytes] = []
        more = True
        while more:
            first = await self._server.read()
            if first.kind == _FILE:
                self._to_client.write(first.raw)
                await self._file()
                continue
            if first.kind in (_OK, _ERR):
                kept.append(first.raw)
                more = first.kind == _OK and has_more_results(first)
                continue
            definitions, rows = await self._result(first)
            kept += [packet.raw for packet in (*definitions, *rows)]
            more = rows[-1].kind != _ERR and has_more_results(rows[-1])
        if lost:
            self._end()
        self._to_client.write(b"".join(kept))

    async def _file(self) -> None:
        """What the client sends of the file that LOAD DATA LOCAL asked it for."""
        while True:
            data = await self._client.read()
            self._to_server.write(data.raw)
            await self._to_server.drain()
            if not data.payload:
                return

    async def _result(self, first: Packet) -> tuple[list[Packet], list[Packet]]:
        """The definitions of a result, from the packet that counts them to their end, and the rows, with theirs."""
        definitions: list[Packet] = [first]
        rows: list[Packet] = []
        while not is_end_of_rows(definitions[-1]):
            definitions.append(await self._server.read())
        while not rows or not is_end_of_rows(rows[-1]):
            rows.append(await self._server.read())
        return definitions, rows


async def sent_away(to_client: StreamWriter, errno: int) -> None:
    """A connection that gets no further than to an error; before it is greeted that has no SQL state."""
    to_client.write(error_packet(0, errno, _TEXTS[errno][1]))
    await closed(to_client)
