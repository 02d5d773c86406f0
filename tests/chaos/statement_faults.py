"""Every statement of a role's work, met by every error of the server and by lost connections, one at a time.

A role is given new work, one of its statements goes wrong, and the role goes on by itself: the work must be done within
a few attempts, and end as if nothing had happened.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice, product
from random import Random
from threading import Event
from typing import Protocol

from migration_core.errors import Transient
from tests.chaos.mysql_proxy import MysqlProxy
from tests.chaos.mysql_session import AT_ANY_STATEMENT, Fault

COMMITS = rb"^COMMIT"
MOST_ATTEMPTS = 4
_GIVEN_UP_AFTER = 200
_BETWEEN_SECONDS = 0.05
"""The server needs a moment to see that a connection is lost, and holds its locks so long."""
_MOST_TIMES, _LOOKS = 3, 100
"""One error that has passed may cost the work done again and a new connection, and no more than that.

Beside the work there are looks at the server's health, of which a slow machine sees several.
"""


class Role(Protocol):
    """A program of the migration as far as it speaks to MySQL, in this process, behind a proxy."""

    def renew(self) -> None:
        """Give it something to do, on top of all that was done before."""

    def attempt(self) -> bool:
        """Let it work once; whether everything is done. What may pass by itself is raised, and tried again."""

    def expect(self) -> None:
        """Everything is as its source says, and nothing was rejected that is good."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """One piece of work, of which one statement met a fault."""

    index: int
    fault: Fault
    met: bytes
    """The statement; empty where the work ended before it."""
    attempts: int
    statements: int
    """All that the work took."""

    def __str__(self) -> str:
        return f"{self.fault} at {self.index} ({self.met[:60]!r}): {self.attempts} tries, {self.statements} statements"


def every_statement(
    role: Role,
    proxy: MysqlProxy,
    faults: Sequence[Fault] = AT_ANY_STATEMENT,
    *,
    matching: bytes = b"",
    some: int | None = None,
    seed: int = 1,
) -> Iterator[Meeting]:
    """Let each statement of a piece of work meet each fault; or only `some` of these pairs, all faults in turn.

    `matching` is the regular expression of the statements that count: all of them, if there is none.
    """
    _work(role, proxy)  # the first time there is more to look up
    undisturbed = _work(role, proxy)
    places = range(1, len([one for one in undisturbed if re.search(matching, one)]) + 1)
    for index, fault in product(places, faults) if some is None else _some(places, faults, some, Random(seed)):
        found = meet(role, proxy, index, fault, matching=matching)
        if some is not None and not found.met:  # this time there were fewer batches or looks than undisturbed
            found = meet(role, proxy, 1 + index // 3, fault, matching=matching)
        assert found.attempts <= MOST_ATTEMPTS, found
        assert found.statements <= _MOST_TIMES * len(undisturbed) + _LOOKS, found
        yield found


def meet(role: Role, proxy: MysqlProxy, index: int, fault: Fault, *, matching: bytes = b"") -> Meeting:
    """One piece of work whose `index`-th statement that matches meets `fault`."""
    role.renew()
    proxy.begin()
    proxy.at(index, fault, matching=matching)
    attempts = until_done(role)
    statements, fired = proxy.statements, bool(proxy.fired)
    proxy.clear()
    role.expect()
    met = [one for one in statements if re.search(matching, one)][index - 1] if fired else b""
    return Meeting(index, fault, met, attempts, len(statements))


def _some(places: Sequence[int], faults: Sequence[Fault], some: int, chance: Random) -> Iterator[tuple[int, Fault]]:
    return zip(chance.choices(places, k=some), islice(cycle(faults), some), strict=True)


def _work(role: Role, proxy: MysqlProxy) -> list[bytes]:
    """The statements of a piece of work when nothing goes wrong."""
    role.renew()
    proxy.begin()
    until_done(role)
    statements = proxy.statements
    role.expect()
    return statements


def until_done(role: Role) -> int:
    """How many attempts it takes."""
    for attempt in range(1, _GIVEN_UP_AFTER):
        with suppress(Transient):
            if role.attempt():
                return attempt
        Event().wait(_BETWEEN_SECONDS * attempt**2)  # the server has time to see that a session is gone
    raise AssertionError("the work is never done")
