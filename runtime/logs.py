"""Log lines on stdout: one JSON object or one line of text an event, never with a value of a record in it."""

import logging
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from runtime.telling import EventHandler, story

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_CHATTY = ("alembic", "asyncio", "boto3", "botocore", "sqlalchemy", "urllib3")
"""At DEBUG some of them print requests with their signatures, so none goes below WARNING."""


def configure(program: str, *, level: str = "INFO", form: str = "json", to: TextIO | None = None) -> None:
    """Send every logger of the process to one stream, in one form."""
    chain: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(program),
        _exceptions,
    ]
    closing: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(default=str) if form == "json" else _text,
    ]
    handler = EventHandler(to or sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=closing))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _named(program: str) -> Callable[[object, str, EventDict], EventDict]:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["program"] = program
        record: logging.LogRecord = event["_record"]
        event["logger"] = record.name
        return event

    return add


def _exceptions(_logger: object, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None) or event["_record"].exc_info
    if given and given[1] is not None:
        event["exception"] = story(given[1])
    return event


def _text(_logger: object, _method: str, event: EventDict) -> str:
    head = [event.pop(name, "") for name in ("timestamp", "level", "logger", "event")]
    event.pop("program", None)
    trace = event.pop("exception", None)
    fields = [f"{name}={value}" for name, value in event.items()]
    line = _one_line(" ".join(str(word) for word in [*head, *fields]))
    return line if trace is None else "\n    ".join([line, *(_one_line(part) for part in trace.splitlines())])


def _one_line(text: str) -> str:
    """A value with a line break or an escape sequence in it must not look like a line of its own."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
