"""Waiting for a part that is away, until it answers, patience ends or the process is asked to leave."""

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import TypeVar

import tenacity

from migration_core.errors import MigrationError, Transient
from runtime.exits import Stopped

log = logging.getLogger(__name__)

_FIRST, _LONGEST = 0.1, 5.0

T = TypeVar("T")


def passes_by_itself(error: BaseException) -> bool:
    """Whether trying again later may work."""
    return isinstance(error, Transient)


def patiently(
    work: Callable[[], T],
    *,
    stop: Event,
    what: str,
    patience: timedelta | None = None,
    passes: Callable[[BaseException], bool] = passes_by_itself,
    beat: Callable[[], None] = lambda: None,
    told: Callable[[str], None] | None = None,
) -> T:
    """The result of `work`, tried again while its error `passes`; for connecting, never around one SQL statement.

    `beat` is called before each wait: a process that waits for a part is alive, and a restart would not help it.
    `told` gets the reason where it is a person who waits, and not a log.
    """

    def waiting(state: tenacity.RetryCallState) -> None:
        beat()
        if told is not None:
            told(_reason(state))
            return
        log.warning("waiting", extra={"what": what, "attempt": state.attempt_number, "reason": _reason(state)})

    limit = tenacity.stop_never if patience is None else tenacity.stop_after_delay(patience.total_seconds())
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        wait=tenacity.wait_exponential_jitter(multiplier=_FIRST, max=_LONGEST, jitter=_FIRST),
        stop=tenacity.stop_any(limit, tenacity.stop_when_event_set(stop)),
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=waiting,
        reraise=True,
    )
    try:
        return attempts(work)
    except Exception as error:
        if stop.is_set() and passes(error):
            raise Stopped(f"asked to leave while waiting for {what}") from error
        raise


def _reason(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    return str(error) if isinstance(error, MigrationError) else type(error).__name__
