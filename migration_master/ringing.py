"""Which lanes to ring now. Pure: the time is an argument."""

from collections import defaultdict
from collections.abc import Iterable
from math import inf

from db.ingest import TouchedLane
from migration_core.doorbell import Doorbell

BUSY_SECONDS = 1.0
"""A lane is rung at most this often where its worker, or one that another lane wakes, looks at it by itself."""

Lane = tuple[str, int]


class Ringing:
    """Remembers when each lane was rung, and which rings are owed."""

    def __init__(self) -> None:
        self._rung: dict[Lane, float] = {}
        self._owed: dict[Lane, int] = {}

    def due(self, touched: Iterable[TouchedLane], now: float) -> list[Doorbell]:
        """Doorbells for the lanes of one transaction, and for those whose second is over.

        Each lane is rung at most once a second, but of the lanes that were not behind one is always rung at once: it
        wakes a worker, who serves the others beside it. A ring that is held back is not forgotten: else the last rows
        of a burst could wait for the sweeper.
        """
        fresh: dict[str, list[Lane]] = defaultdict(list)
        for lane in touched:
            self._owed[lane.stream, lane.lane] = lane.head
            if lane.backlog <= lane.rows:
                fresh[lane.stream].append((lane.stream, lane.lane))
        due = {lane for lane in self._owed if now >= self._last(lane) + BUSY_SECONDS}
        due |= {min(lanes, key=self._last) for lanes in fresh.values() if due.isdisjoint(lanes)}
        bells = [Doorbell(stream, lane, self._owed.pop((stream, lane))) for stream, lane in sorted(due)]
        self._rung.update(dict.fromkeys(due, now))
        return bells

    def _last(self, lane: Lane) -> float:
        return self._rung.get(lane, -inf)

    def wait(self, now: float) -> float | None:
        """Seconds until the next ring is due; None when none is owed."""
        if not self._owed:
            return None
        return max(0.0, min(self._rung.get(lane, now) for lane in self._owed) + BUSY_SECONDS - now)
