"""Which lanes to ring now. Pure: the time, and what the store says of a lane, are arguments."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from math import inf

from db.ingest import TouchedLane
from migration_core.doorbell import AWAKE_SECONDS, Doorbell

BUSY_SECONDS = 1.0
"""A lane is rung at most this often where its worker, or one that another lane wakes, looks at it by itself."""
WOKEN_SECONDS = AWAKE_SECONDS / 2
"""For so long after any ring nobody else has to be woken: half the time, since doorbells need some to arrive."""

Lane = tuple[str, int]


@dataclass(slots=True)
class _Owed:
    head: int
    since: float


class Ringing:
    """Remembers when each lane was rung, and which rings are owed."""

    def __init__(self) -> None:
        self._rung: dict[Lane, float] = {}
        self._owed: dict[Lane, _Owed] = {}
        self._woken = -inf

    def due(
        self, touched: Iterable[TouchedLane], now: float, waiting: Callable[[Collection[Lane]], Collection[Lane]]
    ) -> list[Doorbell]:
        """Doorbells for the lanes of one transaction, and for those that nobody has served since an earlier one.

        A lane that is behind, or was never rung, is rung, but not twice in a second. Of the others one is rung, unless
        that was done just now: the worker whom it wakes serves light lanes beside the one that rang. A ring that is
        held back is not forgotten, else the last rows of a burst could wait for the sweeper: after a moment `waiting`
        says which of those lanes still have work.
        """
        wakes: set[Lane] = set()
        due: set[Lane] = set()
        for lane in touched:
            place = (lane.stream, lane.lane)
            if place in self._owed:
                self._owed[place].head = lane.head
            else:
                self._owed[place] = _Owed(lane.head, now)
            behind = lane.backlog > lane.rows
            if not behind:
                wakes.add(place)
            if (behind or place not in self._rung) and now >= self._rung.get(place, -inf) + BUSY_SECONDS:
                due.add(place)
        due |= self._unserved(self._owed.keys() - due, now, waiting)
        wakes &= self._owed.keys()  # what is served already needs nobody
        if wakes and due.isdisjoint(wakes) and now >= self._woken + WOKEN_SECONDS:
            due.add(min(wakes, key=self._rung.__getitem__))
        if not due.isdisjoint(wakes):
            self._woken = now  # a lane that is behind may ring for a worker that is busy with it and wake nobody
        self._rung.update(dict.fromkeys(due, now))
        return [Doorbell(stream, lane, self._owed.pop((stream, lane)).head) for stream, lane in sorted(due)]

    def _unserved(
        self, held: Collection[Lane], now: float, waiting: Callable[[Collection[Lane]], Collection[Lane]]
    ) -> set[Lane]:
        """Lanes whose ring was held back long enough and that still have work; the others are owed nothing any more."""
        looked_at = {lane for lane in held if self._looked_at(lane) <= now}
        still = set(waiting(looked_at)) if looked_at else set()
        for lane in looked_at - still:
            del self._owed[lane]
        return still

    def wait(self) -> float | None:
        """When the next ring may be due; None when none is owed."""
        return min(map(self._looked_at, self._owed), default=None)

    def _looked_at(self, lane: Lane) -> float:
        return max(self._owed[lane].since + WOKEN_SECONDS, self._rung.get(lane, -inf) + BUSY_SECONDS)
