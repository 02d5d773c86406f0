"""The worker's loop: doorbells in, lanes applied, doorbells deleted, and a second look after every release."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from math import inf
from threading import Event

from db.lanes import LaneLook
from migration_core.doorbell import AWAKE_SECONDS
from migration_core.steps import Reached, Step, nothing
from migration_worker.lane_work import Lane, LaneWork
from migration_worker.sweeper import Sweeper
from work_queue.client import LONGEST_WAIT
from work_queue.queue import BATCH, Delivery, WorkQueue

log = logging.getLogger(__name__)

_HELD_ELSEWHERE = timedelta(milliseconds=100)
_ASKED_SECONDS = 0.1
_LOOK_SECONDS = 0.005
"""Between two looks while awake with nothing to do: a look costs less than the doorbell that it saves."""


class DoorbellLoop:
    """Serves one queue, turn by turn; an error that may pass by itself rises to the caller's back-off."""

    def __init__(
        self,
        queue: WorkQueue,
        work: LaneWork,
        sweeper: Sweeper,
        *,
        wait: timedelta = LONGEST_WAIT,
        foreign: Callable[[int], None] = lambda _count: None,
        reached: Reached = nothing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._work = work
        self._sweeper = sweeper
        self._wait = wait
        self._foreign = foreign
        self._reached = reached
        self._clock = clock
        self._asked = -inf
        self._awake_until = -inf
        self._again: set[Lane] = set()

    def turn(self, stop: Event) -> None:
        """One receive and what there is to do after it; raises Transient when the queue does not answer.

        A doorbell keeps the worker awake for a while: the master rings for nobody who finds light work by himself.
        """
        deliveries = self._receive()
        if stop.is_set():
            self._queue.release(deliveries)  # a message left in flight would block its lane
            return
        if deliveries:
            self._awake_until = self._clock() + AWAKE_SECONDS
        if deliveries or self._again:
            self._reached(Step.WORKER_RECEIVED)
            self.serve(deliveries)
        elif self._awake and not self._look():
            stop.wait(_LOOK_SECONDS)

    def serve(self, deliveries: Sequence[Delivery]) -> None:
        """Apply what these doorbells ring for and what waits beside it, then answer every one of them."""
        rung: dict[Lane, list[Delivery]] = {lane: [] for lane in self._again}
        foreign = []
        for delivery in deliveries:
            lane = self._lane_of(delivery)
            if lane is None:
                foreign.append(delivery)
            else:
                rung.setdefault(lane, []).append(delivery)
        if foreign:
            self._foreign(len(foreign))
            log.warning("foreign_messages_deleted", extra={"count": len(foreign)})
        left = self._apply(set(rung))
        done = [delivery for lane, found in rung.items() if lane not in left for delivery in found]
        self._queue.delete([*foreign, *done])
        self._reached(Step.WORKER_DELETED)
        held = [delivery for lane in left & rung.keys() for delivery in rung[lane]]
        if held:
            self._queue.release(held, _HELD_ELSEWHERE)
        # A row may have been stored after the last look and before the delete, by a master that saw this doorbell as
        # good enough: only a look after the delete can tell. What it finds is served in the next turn.
        self._again = {(look.stream, look.lane) for look in self._work.ready(rung)} - left

    def _receive(self) -> list[Delivery]:
        """Doorbells; while there is more to do anyway, the queue is asked now and then and never waited for."""
        now = self._clock()
        busy = bool(self._again) or self._awake
        if busy and now - self._asked < _ASKED_SECONDS:
            return []
        self._asked = now
        return self._queue.receive(BATCH, timedelta() if busy else self._wait)

    @property
    def _awake(self) -> bool:
        return self._clock() < self._awake_until

    def _look(self) -> bool:
        """Apply light work of any lane; False when there is none."""
        looks = self._work.ready(())
        return bool(looks) and len(self._apply_ready(looks)) < len(looks)

    def _apply(self, rung: set[Lane]) -> set[Lane]:
        """Apply what is ready; lanes that failed or that another worker holds."""
        return self._apply_ready(self._work.ready(rung))

    def _apply_ready(self, looks: Sequence[LaneLook]) -> set[Lane]:
        tried = {(look.stream, look.lane) for look in looks if look.attempts}
        held = {(look.stream, look.lane) for look in looks if look.attempts and not self._sweeper.sweep_one(look)}
        return held | self._work.apply({(look.stream, look.lane) for look in looks} - tried)

    def _lane_of(self, delivery: Delivery) -> Lane | None:
        bell = delivery.bell
        if bell is None or bell.stream not in self._work.streams:
            return None
        if bell.lane >= self._work.streams[bell.stream].parts.registered.lanes:
            return None
        return bell.stream, bell.lane
