"""What a process tells its caller: 0 done, 1 failed or "no", 2 wrong usage or configuration, 75 try again."""

import logging
import os
import sys
from collections.abc import Callable
from enum import IntEnum

from migration_core.errors import ConfigError, Exhausted, Fenced, MigrationError, Transient
from runtime.telling import logs_are_configured, story

log = logging.getLogger(__name__)


class Stopped(MigrationError):
    """The process was asked to leave while it waited for a part: exit code 0."""


class Exit(IntEnum):
    """The exit codes of every program and command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    TRY_AGAIN = 75
    INTERRUPTED = 130


def code_of(error: MigrationError) -> Exit:
    """The exit code that an error ends its process with."""
    match error:
        case Stopped():
            return Exit.DONE
        case ConfigError():
            return Exit.USAGE
        case Transient() | Fenced() | Exhausted():
            return Exit.TRY_AGAIN
        case _:
            return Exit.FAILED


def run(main: Callable[[], int | None]) -> int:
    """Call `main` and turn what it raises into an exit code and words for a person; only a bug has a traceback."""
    try:
        return main() or Exit.DONE
    except MigrationError as error:
        code = code_of(error)
        if code is not Exit.DONE:
            _report(str(error), code)
        return code
    except KeyboardInterrupt:
        _report("interrupted", Exit.INTERRUPTED)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as error:
        if logs_are_configured():
            log.critical("bug", exc_info=True)
        else:
            _say(story(error))
        return Exit.FAILED


def _report(reason: str, code: Exit) -> None:
    """To the log where there is one; a command for people has none, and its settings may be what is wrong."""
    if logs_are_configured():
        log.error("process_failed", extra={"reason": reason, "exit_code": int(code)})
    else:
        _say(reason)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - this is where a command talks to its caller
