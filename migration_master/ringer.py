"""Rings for committed lanes from a thread of its own, so that a slow queue never holds ingest back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Condition, Thread

from db.ingest import TouchedLane
from migration_core.doorbell import Doorbell
from migration_core.steps import Reached, Step, nothing
from migration_master.ringing import Lane, Ringing

_LEAVING_SECONDS = 3.0


class Ringer:
    """Gathers lanes while a request is under way; what cannot be rung is swept by the workers."""

    def __init__(
        self,
        ring: Callable[[Sequence[Doorbell]], object],
        reached: Reached = nothing,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = ring
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
                    self._changed.wait(ringing.wait(self._clock()))
                touched, self._touched = list(self._touched.values()), {}
                leaving = self._leaving
            bells = ringing.due(touched, self._clock())
            if bells:
                self._ring(bells)
                self._reached(Step.MASTER_RUNG)
