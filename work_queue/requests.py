"""One request at a time, repeated once where that is cheap, and none for a while when the queue is away."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from migration_core.errors import Transient
from work_queue.counts import Counts

log = logging.getLogger(__name__)

RETRY = timedelta(milliseconds=50)
_FAST = timedelta(seconds=1)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=15)

_Unreachable = (BotoCoreError, ClientError)
T = TypeVar("T")


class Requests:
    """Doorbells are a help: an outage of the queue must not slow the work that they announce."""

    def __init__(self, counts: Counts, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
        self._counts = counts
        self._clock = clock
        self._pause = pause
        self._away_for = timedelta()
        self._away_until = float("-inf")

    def ask(self, kind: str, call: Callable[[], T]) -> T:
        """The answer, or Transient; during an outage Transient at once."""
        begun = self._clock()
        if begun < self._away_until:
            raise Transient("the doorbell queue was away a moment ago")
        try:
            return self._once(kind, call)
        except _Unreachable as error:
            # A connection that idled out and a throttle fail fast; a second time-out would only cost time.
            if self._clock() - begun > _FAST.total_seconds():
                raise self._away(kind, error) from error
        self._pause(RETRY.total_seconds())
        try:
            return self._once(kind, call)
        except _Unreachable as error:
            raise self._away(kind, error) from error

    def _once(self, kind: str, call: Callable[[], T]) -> T:
        self._counts.add(f"request_{kind}")
        answer = call()
        self._away_for = timedelta()
        return answer

    def _away(self, kind: str, error: BotoCoreError | ClientError) -> Transient:
        self._away_for = min(self._away_for * 2, _LONGEST_PAUSE) or _FIRST_PAUSE
        self._away_until = self._clock() + self._away_for.total_seconds()
        reason = told(error)
        extra = {"request": kind, "reason": reason, "pause_seconds": self._away_for.total_seconds()}
        log.warning("queue_away", extra=extra)
        return Transient(f"the doorbell queue did not answer: {reason}")


def told(error: BotoCoreError | ClientError) -> str:
    """The code of an answer or the kind of a failure; an SDK's message may quote a signed request."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "unknown")
    return type(error).__name__
