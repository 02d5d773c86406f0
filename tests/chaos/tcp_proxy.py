"""A proxy before any server that speaks TCP: it delays, swallows, cuts, flips and resets what passes, when told to.

`tell` says what holds from now on, for open connections and new ones, until `clear`; `reset` and `half_open` happen
at once. Nothing here knows what the bytes mean, so TLS passes too.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

from tests.chaos.listening import HOST, Listening, closed, moved, opened, reset

_AT_ONCE = 64 << 10
_WAITING = 64
"""Pieces on their way under latency before the sender has to wait."""


class Way(Enum):
    """Where bytes go."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


BOTH = frozenset(Way)


@dataclass(frozen=True, slots=True)
class Latency:
    """Every piece arrives so much later, in order."""

    seconds: float
    ways: frozenset[Way] = BOTH


@dataclass(frozen=True, slots=True)
class BlackHole:
    """Whatever is sent is gone, and nobody hears of it; connections that lost something are reset when it ends."""

    ways: frozenset[Way] = BOTH


@dataclass(frozen=True, slots=True)
class CutAfter:
    """A connection ends when so many bytes have passed since the fault was told, or since it was opened."""

    count: int
    way: Way = Way.TO_CLIENT
    times: int | None = None
    """How many connections; None is every one."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit is wrong: of the byte `at` bytes behind the first `after`, or behind the beginning as for CutAfter."""

    at: int
    way: Way = Way.TO_CLIENT
    after: bytes = b""
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody listens: every new connection is reset."""


Fault = Latency | BlackHole | CutAfter | Flip | Refuse
F = TypeVar("F", bound=Fault)
Piece = Callable[[StreamReader], Awaitable[bytes]]
"""Reads what passes as one; empty at the end."""


async def anything(reader: StreamReader) -> bytes:
    """Whatever has arrived."""
    return await reader.read(_AT_ONCE)


@dataclass(eq=False, slots=True)
class _Link:
    """One connection through the proxy."""

    ends: dict[Way, StreamWriter]
    """By where bytes go: the writer to that side."""
    task: asyncio.Task[None]
    passed: Counter[Way] = field(default_factory=Counter)
    """Bytes, since the faults were told."""
    lost: bool = False
    """Whether a black hole has swallowed something of it."""
    ended: bool = False
    vanished: Way | None = None
    """The side that was lost without a word."""

    def reset(self) -> None:
        for writer in self.ends.values():
            reset(writer)
        self.task.cancel()


class TcpProxy:
    """All methods may be called from any thread, at any time."""

    def __init__(self, host: str, port: int, *, piece: Piece = anything, changed: tuple[bytes, bytes] | None = None):
        self.upstream = (host, port)
        self.fired: Counter[Fault] = Counter()
        """How often each fault has acted."""
        self.passed: Counter[Way] = Counter()
        """The most bytes of one connection, since the faults were told."""
        self._piece = piece
        self._changed = changed
        self._faults: tuple[Fault, ...] = ()
        self._links: set[_Link] = set()
        self._listening = Listening(self._serve)

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._listening.port

    @property
    def address(self) -> str:
        """The same as host:port."""
        return f"{HOST}:{self.port}"

    def through(self, url: str) -> str:
        """A URL with this proxy in the place of its server."""
        return moved(url, self.port)

    def tell(self, *faults: Fault) -> None:
        """From now on these faults, and no others; bytes are counted anew."""

        def act() -> None:
            self._faults = faults
            self.passed.clear()
            for link in list(self._links):
                link.passed.clear()
                if link.lost:
                    link.reset()

        self._listening.do(act)

    def clear(self) -> None:
        """No faults from now on."""
        self.tell()

    def reset(self) -> int:
        """End every connection by RST on both sides; how many there were."""

        def act() -> int:
            links = list(self._links)
            for link in links:
                link.reset()
            return len(links)

        return self._listening.do(act)

    def half_open(self, vanished: Way) -> int:
        """Every connection loses the side that bytes go to by `vanished`, and the other side hears nothing of it.

        TO_CLIENT: the server goes on waiting for a client that is gone. TO_SERVER: the client for a server.
        """
        return self._listening.do(lambda: self._vanish(vanished))

    def close(self) -> None:
        """End everything."""
        self._listening.close()

    def _vanish(self, side: Way) -> int:
        links = [link for link in self._links if link.vanished is None]
        for link in links:
            link.vanished = side
            reset(link.ends[side])
        return len(links)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        for fault in self._faults:
            if isinstance(fault, Refuse):
                self.fired[fault] += 1
                reset(writer)
                return
        try:
            server, to_server = await opened(*self.upstream)
        except OSError:
            reset(writer)  # as if nobody listened here either
            return
        task = asyncio.current_task()
        assert task is not None
        link = _Link({Way.TO_SERVER: to_server, Way.TO_CLIENT: writer}, task)
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(link, reader, Way.TO_SERVER), self._pump(link, server, Way.TO_CLIENT))
            for end in link.ends.values():
                await closed(end)
        finally:
            self._links.discard(link)
            to_server.transport.abort()

    async def _pump(self, link: _Link, reader: StreamReader, way: Way) -> None:
        """Pass one way until its end; an end without a word resets the other side too, unless a side has vanished."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING)
        delivery = asyncio.ensure_future(self._deliver(link, waiting, way))
        loop = asyncio.get_running_loop()
        try:
            while piece := await self._piece(reader):
                delay = sum(fault.seconds for fault in self._acting(Latency) if way in fault.ways)
                await waiting.put((loop.time() + delay, piece))
            await waiting.put((0.0, b""))
            await delivery
        except (OSError, EOFError):
            if link.vanished is None:
                link.reset()
        finally:
            delivery.cancel()
        if link.vanished is not None:
            await asyncio.Event().wait()  # the side that is left is told nothing: it ends with the proxy

    async def _deliver(self, link: _Link, waiting: "asyncio.Queue[tuple[float, bytes]]", way: Way) -> None:
        """Until the end comes through, whatever happens before: else the other half would wait for room."""
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if link.vanished is not None or self._swallowed(link, way):
                continue
            if not piece:
                with suppress(OSError):  # it has closed its side meanwhile
                    link.ends[way].write_eof()
                return
            if not link.ended:
                await self._pass(link, piece, way)

    async def _pass(self, link: _Link, piece: bytes, way: Way) -> None:
        left, link.ended = self._hurt(link, way, piece)
        link.ends[way].write(left)
        if link.ended:
            for end in link.ends.values():
                end.close()
            return
        try:
            await link.ends[way].drain()
        except OSError:
            link.ended = True
            link.reset()

    def _swallowed(self, link: _Link, way: Way) -> bool:
        for fault in self._acting(BlackHole):
            if way in fault.ways:
                self.fired[fault] += 1
                link.lost = True
                return True
        return False

    def _hurt(self, link: _Link, way: Way, piece: bytes) -> tuple[bytes, bool]:
        """What is left of a piece, and whether the connection ends behind it."""
        if self._changed is not None and way is Way.TO_CLIENT:
            piece = piece.replace(*self._changed)
        before = link.passed[way]
        link.passed[way] += len(piece)
        self.passed[way] = max(self.passed[way], link.passed[way])
        for flip in self._acting(Flip):
            place = piece.find(flip.after) + len(flip.after) + flip.at if flip.after else flip.at - before
            if flip.way is way and (not flip.after or flip.after in piece) and 0 <= place < len(piece):
                self.fired[flip] += 1
                piece = piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]
        for cut in self._acting(CutAfter):
            if cut.way is way and before + len(piece) >= cut.count:
                self.fired[cut] += 1
                return piece[: max(0, cut.count - before)], True
        return piece, False

    def _acting(self, kind: type[F]) -> Iterator[F]:
        for fault in self._faults:
            times = getattr(fault, "times", None)
            if isinstance(fault, kind) and (times is None or self.fired[fault] < times):
                yield fault


@contextmanager
def tcp_proxy(host: str, port: int) -> Iterator[TcpProxy]:
    """Before the server at this address."""
    proxy = TcpProxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
