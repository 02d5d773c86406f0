"""What a folder elsewhere answers, whichever protocol it speaks."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from migration_core.errors import ConfigError, MigrationError, SnapshotError, Transient

BLOCK = 1 << 17
"""Bytes read at once: what a kill may lose, and all that a connection holds in memory."""
CONNECT_SECONDS, READ_SECONDS = 5, 15
"""A silent server must be given up before a task that was asked to leave is killed, after 30 s."""

_TOO_EARLY = {408, 425, 429}
"""Of the answers that blame the request, those that ask for a later one."""


class Changed(MigrationError):
    """The file is not the one of which a part is there already: it must be begun anew."""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a file from `offset` on."""

    offset: int
    """What was asked for, or 0 where the server sends the whole file all the same."""
    size: int | None
    """Of the whole file, where the server says it."""
    validator: str | None
    """What a later request for the rest is tied to; None where the server says nothing that would do."""
    blocks: Iterator[bytes]


class Remote(Protocol):
    """A folder that lies elsewhere."""

    def shown(self, name: str) -> str:
        """Where file `name` lies, with nothing secret in it."""

    def open(self, name: str, *, offset: int = 0, validator: str | None = None) -> AbstractContextManager[Body]:
        """The file from `offset` on, if it is still the one that `validator` came with; else whole, or Changed."""


def refusal(status: int, where: str) -> MigrationError:
    """What to raise for an answer that is no file."""
    if status >= 500 or status in _TOO_EARLY:  # noqa: PLR2004 - the server's own trouble
        return Transient(f"{where}: HTTP {status}: run the same command again later")
    match status:
        case 401 | 403:
            return ConfigError(
                f"{where}: HTTP {status}: this may not be read: look at the credentials and their rights "
                "(S3 says so of a missing object too, to whoever may not list the bucket)"
            )
        case 404 | 410:
            return SnapshotError(f"{where}: HTTP {status}: there is no such file: wait until the export is complete")
        case 412 | 416:
            return Changed(f"{where}: HTTP {status}: the file is another one by now")
    return SnapshotError(f"{where}: HTTP {status}: look at the address, and at what the server logs of it")
