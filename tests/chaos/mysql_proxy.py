"""A proxy before MySQL that knows the protocol: it answers chosen statements with errors, or loses them or the answers.

One proxy serves one role (master, worker, loader), so that its statements are counted by themselves. An error is as
honest as the server's: 1213 rolls the transaction back upstream, 1205 and the rest only leave their statement undone,
and a COMMIT that fails rolls back whatever its error is. The way through it has no TLS, which the server's greeting
offers no more: clients whose URL names a certificate (`ssl_ca`) insist on it and will not connect.
"""

import re
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from sqlalchemy.engine import make_url

from tests.chaos.listening import HOST, Listening, closed, moved, opened
from tests.chaos.mysql_session import TOO_MANY, Fail, Fault, Session, sent_away
from tests.chaos.mysql_wire import Packets


@dataclass(slots=True)
class _Due:
    """A fault for the `left`-th statement from now that matches."""

    left: int
    fault: Fault
    matching: re.Pattern[bytes]


@dataclass(frozen=True, slots=True)
class _Share:
    """Faults that chance decides on, statement by statement."""

    share: float
    faults: Sequence[Fault]
    chance: Random


class MysqlProxy:
    """All methods may be called from any thread, at any time."""

    def __init__(self, upstream: str) -> None:
        url = make_url(upstream)
        self._upstream = (url.host or HOST, url.port or 3306)
        self._statements: list[bytes] = []
        self._fired: Counter[Fault] = Counter()
        self._due: list[_Due] = []
        self._share: _Share | None = None
        self._refusals: list[int] = []
        self._sessions: set[Session] = set()
        self._listening = Listening(self._serve)

    def through(self, url: str) -> str:
        """DATABASE_URL with this proxy in the place of the server."""
        return moved(url, self._listening.port)

    def at(self, nth: int, fault: Fault, *, matching: bytes = b"") -> None:
        """Let the `nth` statement from now (1 is the next), of those in which the pattern is found, meet a fault."""
        self._listening.do(lambda: self._due.append(_Due(nth, fault, re.compile(matching))))

    def disturb(self, share: float, faults: Sequence[Fault], seed: int) -> None:
        """Let this share of all statements meet one of these faults, by chance, until `clear`."""
        self._listening.do(lambda: setattr(self, "_share", _Share(share, tuple(faults), Random(seed))))

    def refuse(self, errno: int, times: int) -> None:
        """Send the next connections away with 1040, or with 1203 once they have said who they are."""
        self._listening.do(lambda: self._refusals.extend([errno] * times))

    def cut(self) -> int:
        """End every connection now, whatever it does; how many there were."""

        def act() -> int:
            for session in self._sessions:
                session.lose()
            return len(self._sessions)

        return self._listening.do(act)

    def clear(self) -> None:
        """No faults from now on."""

        def act() -> None:
            self._due.clear()
            self._refusals.clear()
            self._share = None

        self._listening.do(act)

    def begin(self) -> None:
        """Count statements and faults from here on."""

        def act() -> None:
            self._statements.clear()
            self._fired.clear()

        self._listening.do(act)

    @property
    def statements(self) -> list[bytes]:
        """Every statement since `begin`, also those that met a fault."""
        return self._listening.do(lambda: list(self._statements))

    @property
    def fired(self) -> Counter[Fault]:
        """The faults that statements have met since `begin`; a refused connection counts as its error."""
        return self._listening.do(lambda: Counter(self._fired))

    @property
    def sessions(self) -> list[int]:
        """The numbers of the sessions that are open, for KILL."""
        return self._listening.do(lambda: sorted(session.number for session in self._sessions))

    def close(self) -> None:
        """End everything."""
        self._listening.close()

    def _met(self, statement: bytes) -> Fault | None:
        """Count a statement, and say what it meets."""
        self._statements.append(statement)
        fault = None
        for due in list(self._due):
            if due.matching.search(statement):
                due.left -= 1
                if due.left == 0:
                    self._due.remove(due)
                    fault = due.fault
        if fault is None and self._share is not None and self._share.chance.random() < self._share.share:
            fault = self._share.chance.choice(self._share.faults)
        if fault is not None:
            self._fired[fault] += 1
        return fault

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        refusal = self._refusals.pop(0) if self._refusals else None
        if refusal is not None:
            self._fired[Fail(refusal)] += 1
        if refusal == TOO_MANY:
            await sent_away(writer, refusal)
            return
        server, to_server = await opened(*self._upstream)
        session = Session(self._met, Packets(reader), writer, Packets(server), to_server)
        try:
            if await session.greeted(refusal):
                self._sessions.add(session)
                await session.serve()
            await closed(to_server)
            await closed(writer)
        finally:
            self._sessions.discard(session)
            to_server.transport.abort()


@contextmanager
def mysql_proxy(upstream: str) -> Iterator[MysqlProxy]:
    """Before the server of this URL."""
    proxy = MysqlProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
