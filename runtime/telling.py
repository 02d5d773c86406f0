"""Errors in words that cannot hold a value of a record, and where those words go."""

import logging
import traceback
from collections.abc import Iterator
from typing import TextIO

from migration_core.errors import MigrationError

_SPEAKS_OF_CODE = (
    MigrationError, ArithmeticError, AttributeError, ImportError, MemoryError, NameError, OSError, RecursionError,
    TypeError,
)  # fmt: skip
"""Errors whose text cannot quote a record; KeyError, ValueError and a driver's can, so only their type is told."""


class EventHandler(logging.StreamHandler[TextIO]):
    """The one handler of a process whose logs are configured."""


def logs_are_configured() -> bool:
    """Whether events go to the process's own stream."""
    return any(isinstance(handler, EventHandler) for handler in logging.root.handlers)


def told(error: BaseException) -> str:
    """The error in words that cannot hold a value of a record."""
    if isinstance(error, _SPEAKS_OF_CODE):
        return f"{type(error).__name__}: {error}"
    number = error.args[0] if error.args and type(error.args[0]) is int else None
    return type(error).__name__ + (f" {number}" if number is not None else "")


def story(error: BaseException) -> str:
    """The traceback, cause before effect as Python prints it, with `told` instead of the errors' own words."""
    return "\n".join(_lines(error))


def _lines(error: BaseException) -> Iterator[str]:
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _lines(earlier)
        yield "led to"
    yield from (line.rstrip() for line in traceback.format_tb(error.__traceback__))
    yield told(error)
