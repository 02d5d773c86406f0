"""How many rows of a stream this worker may apply now: by the stream's rate, and by how the target does."""

import logging
import time
from collections.abc import Callable

from db import rate_limit
from db.engine import Database
from db.target_health import HealthWatch

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5


class Brake:
    """Looks at the control schema twice a second, however many lanes ask; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        health: HealthWatch,
        *,
        held: Callable[[bool], None] = lambda _held: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._health = health
        self._held = held
        self._clock = clock
        self._next_look = 0.0
        self._rates: dict[int, int] = {}
        self.reason = ""
        """Why nothing is applied now, or ""."""

    def allow(self, stream_id: int, most: int) -> int:
        """How many of `most` rows may be applied now; tell `used` when they are."""
        self.look()
        if self.reason:
            return 0
        rate = self._rates.get(stream_id)
        return most if rate is None else rate_limit.take(self._database, stream_id, rate, most)

    def used(self, stream_id: int, allowed: int, rows: int) -> None:
        """What was not used is there for others, and what a search for a bad row took besides is not."""
        if stream_id in self._rates and rows != allowed:
            rate_limit.give_back(self._database, stream_id, allowed - rows)

    def look(self) -> None:
        """See the limits of now."""
        if self._clock() < self._next_look:
            return
        self._next_look = self._clock() + _LOOK_SECONDS
        reason = self._health.reason()
        with self._database.transaction() as session:
            self._rates = rate_limit.rate_limits(session)
        if bool(reason) != bool(self.reason):
            log.warning("throttled" if reason else "throttle_ended", extra={"reason": reason or self.reason})
        self.reason = reason
        self._held(bool(reason))
