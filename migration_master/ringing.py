"""Which lanes to ring now. Pure: the time is an argument."""

from collections.abc import Iterable

from db.ingest import TouchedLane
from migration_core.doorbell import Doorbell

BUSY_SECONDS = 1.0
"""A lane that is behind already is rung at most this often: its worker looks again by itself."""

Lane = tuple[str, int]


class Ringing:
    """Remembers when each lane was rung, and which rings are owed."""

    def __init__(self) -> None:
        self._rung: dict[Lane, float] = {}
        self._owed: dict[Lane, int] = {}

    def due(self, touched: Iterable[TouchedLane], now: float) -> list[Doorbell]:
        """Doorbells for the lanes of one transaction, and for those whose second is over.

        A ring that is held back is not forgotten: else the last rows of a burst could wait for the sweeper.
        """
        for lane in touched:
            if lane.backlog <= lane.rows:
                self._rung.pop((lane.stream, lane.lane), None)
            self._owed[lane.stream, lane.lane] = lane.head
        due = [lane for lane in self._owed if now - self._rung.get(lane, -BUSY_SECONDS) >= BUSY_SECONDS]
        bells = [Doorbell(stream, lane, self._owed.pop((stream, lane))) for stream, lane in due]
        self._rung.update(dict.fromkeys(due, now))
        return bells

    def wait(self, now: float) -> float | None:
        """Seconds until the next ring is due; None when none is owed."""
        if not self._owed:
            return None
        return max(0.0, min(self._rung.get(lane, now) for lane in self._owed) + BUSY_SECONDS - now)
