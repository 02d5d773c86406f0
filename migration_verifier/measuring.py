"""Keeps a measurement of every stream now and then, however often it is asked."""

from collections.abc import Callable, Mapping

from db.engine import Database
from db.measurements import EVERY_SECONDS, measure


class Measurer:
    """A turn costs nothing until the next half minute has come."""

    def __init__(
        self, database: Database, now: Callable[[], float], unread: Callable[[], Mapping[str, int]] | None = None
    ) -> None:
        self._database = database
        self._now = now
        self._unread = unread
        self._next = 0.0

    def turn(self) -> None:
        """Measure, if it is time."""
        now = self._now()
        if now >= self._next:
            self._next = now + EVERY_SECONDS
            measure(self._database, now_ms=int(now * 1000), unread=self._unread() if self._unread else None)
