"""What a driver's error means for the program: one class for every error that SQL can give."""

import re
from errno import EMFILE, ENFILE, ENOMEM

import pymysql
from sqlalchemy.exc import DBAPIError

from db.errno import PACKET_TOO_LARGE, SERVER_LOST, Answer, answer_to
from migration_core.errors import Exhausted, MigrationError, Transient

_KEY_NAME = re.compile(r"for key '(?:[^'.]*\.)?([^']*)'")

_QUOTED = re.compile(r"'.*'", re.DOTALL)
_QUOTING = frozenset({1064, 1149})
"""Errors that quote the statement, and with it the values that stand there."""


class SqlError(MigrationError):
    """An error of the server or of the way to it, with the answer that it asks for."""

    def __init__(self, errno: int, message: str) -> None:
        # The message of 1062 and others quotes values, which may be personal data: only number and answer are shown.
        super().__init__(f"MySQL error {errno}")
        self.errno = errno
        self.answer = answer_to(errno)
        found = _KEY_NAME.search(message)
        self.key_name = found.group(1) if found else ""
        """Of a duplicate: the index that stands against the row."""
        quotes_values = self.answer in (Answer.BAD_DATA, Answer.DUPLICATE) and errno != PACKET_TOO_LARGE
        may_quote = self.answer is Answer.UNKNOWN or errno in _QUOTING
        self.hint = "" if quotes_values else _QUOTED.sub("'…'", message) if may_quote else message
        """The server's own words, where they cannot hold values of a row."""

    def __str__(self) -> str:
        return f"MySQL error {self.errno}" + (f": {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[type["SqlError"], tuple[int, str]]:
        """For another process of the same program: by itself an exception is made again from its one text."""
        return type(self), (self.errno, self.hint)

    @property
    def lost_connection(self) -> bool:
        """Whether the connection must not be used again."""
        return self.answer in (Answer.RECONNECT, Answer.UNKNOWN)


class PassingSqlError(SqlError, Transient):
    """One that may pass by itself: a deadlock, a fail-over, a full disk."""


_NO_ROOM = frozenset({EMFILE, ENFILE, ENOMEM})
_PASSING = (Answer.RETRY, Answer.RECONNECT, Answer.LOCKED)


def sql_error(error: BaseException) -> SqlError | None:
    """The meaning of a driver's error, or None when `error` did not come from the driver; may raise Exhausted."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if not isinstance(error, pymysql.MySQLError):
        return None
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, OSError) and cause.errno in _NO_ROOM:
        # No waiting helps a process that cannot open a connection: alive and idle, it would look healthy.
        raise Exhausted(f"no connection can be opened: {cause.strerror}") from error
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    message = str(error.args[1]) if len(error.args) > 1 else str(error)
    # PyMySQL answers "already closed" as InterfaceError(0, ''): the connection is gone, whatever the reason was.
    number = number or SERVER_LOST
    return PassingSqlError(number, message) if answer_to(number) in _PASSING else SqlError(number, message)
