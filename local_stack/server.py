"""What the stack has to know of a server in order to fetch, start and question it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local_stack.fetching import Say


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one server: downloads that stacks share, and what is this stack's own."""

    cache: Path
    own: Path
    say: Say


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, with what its environment needs beside the machine's own."""

    arguments: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Server(Protocol):
    """One of the three."""

    @property
    def name(self) -> str:
        """Of its folder and its log."""

    @property
    def title(self) -> str:
        """As people call it."""

    @property
    def ports(self) -> Sequence[str]:
        """The ports that it listens at, the one for clients first."""

    def fetch(self, place: Place) -> None:
        """Bring what it runs on to the cache; nothing where that is there."""

    def prepare(self, place: Place, ports: Mapping[str, int]) -> Command:
        """Make what it keeps its data in where that is missing, and say how to start it."""

    def address(self, port: int, host: str = "127.0.0.1") -> str:
        """Where clients find it."""

    def version(self, address: str) -> str | None:
        """What answers there, or None while nothing does."""

    def cause(self, log: str) -> str | None:
        """The line of its log that says why it died."""


def first_line(pattern: re.Pattern[str], log: str) -> str | None:
    """The first line that matches, without its time stamp and the like (what is outside group 1)."""
    found = pattern.search(log)
    return found[1].strip() if found else None
