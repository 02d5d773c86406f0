"""Rings for committed lanes from a thread of its own, so that a slow queue never holds ingest back."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from threading import Condition, Thread

from db.engine import Database
from db.failure import SqlError
from db.ingest import TouchedLane
from db.lanes import waiting
from migration_core.doorbell import Doorbell
from migration_core.steps import Reached, Step, nothing
from migration_master.ringing import Lane, Ringing

_LEAVING_SECONDS = 3.0


def waiting_lanes(database: Database, wanted: Collection[Lane]) -> Collection[Lane]:
    """Which of these lanes still have work; all of them where the store does not answer: a ring too many is none."""
    try:
        with database.transaction() as session:
            return waiting(session, wanted)
    except SqlError:
        return wanted


class Ringer:
    """Gathers lanes while a request is under way; what cannot be rung is swept by the workers."""

    def __init__(
        self,
        ring: Callable[[Sequence[Doorbell]], object],
        waiting: Callable[[Collection[Lane]], Collection[Lane]],
        reached: Reached = nothing,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = ring
        self._waiting = waiting
        self._reached = reached
        self._clock = clock
        self._changed = Condition()
        self._touched: dict[Lane, TouchedLane] = {}
        self._leaving = False
        self._thread = Thread(target=self._run, name="ringer", daemon=True)

    def start(self) -> None:
        """Ring from now on."""
        self._thread.start()

    def touched(self, lanes: Sequence[TouchedLane]) -> None:
        """Lanes of one transaction; call it after its commit, never before."""
        with self._changed:
            for lane in lanes:
                place = (lane.stream, lane.lane)
                earlier = self._touched.get(place)
                rows = lane.rows + (earlier.rows if earlier else 0)
                self._touched[place] = replace(lane, rows=rows)
            self._changed.notify()

    def close(self) -> None:
        """Ring what is still to be rung, but do not hold the process up for it."""
        with self._changed:
            self._leaving = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(_LEAVING_SECONDS)

    def _run(self) -> None:
        ringing = Ringing()
        leaving = False
        while not leaving:
            with self._changed:
                if not self._touched and not self._leaving:
                    self._changed.wait(self._seconds_until(ringing.wait()))
                touched, self._touched = list(self._touched.values()), {}
                leaving = self._leaving
            bells = ringing.due(touched, self._clock(), self._waiting)
            if bells:
                self._ring(bells)
                self._reached(Step.MASTER_RUNG)

    def _seconds_until(self, moment: float | None) -> float | None:
        return None if moment is None else max(0.0, moment - self._clock())
