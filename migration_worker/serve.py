"""The worker's loop: doorbells in, lanes applied, doorbells deleted, and a second look after every release."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event

from db.lanes import LaneLook
from migration_core.steps import Reached, Step, nothing
from migration_worker.lane_work import Lane, LaneWork
from migration_worker.sweeper import Sweeper
from work_queue.client import LONGEST_WAIT
from work_queue.queue import BATCH, Delivery, WorkQueue

log = logging.getLogger(__name__)

_HELD_ELSEWHERE = timedelta(milliseconds=100)


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
    ) -> None:
        self._queue = queue
        self._work = work
        self._sweeper = sweeper
        self._wait = wait
        self._foreign = foreign
        self._reached = reached
        self._applied: set[Lane] = set()
        self._again: set[Lane] = set()

    def turn(self, stop: Event) -> None:
        """One receive and what it rings for; raises Transient when the queue does not answer."""
        deliveries = self._queue.receive(BATCH, timedelta() if self._again else self._wait)
        if stop.is_set():
            self._queue.release(deliveries)  # a message left in flight would block its lane
        elif deliveries or self._again:
            self._reached(Step.WORKER_RECEIVED)
            self.serve(deliveries)

    def serve(self, deliveries: Sequence[Delivery]) -> None:
        """Apply what these doorbells ring for, then answer every one of them."""
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
        # A row may have been stored after the last look and before the delete, by a master that saw this doorbell
        # as good enough: only a look after the delete can tell.
        left |= self._apply(set(rung) - left)
        held = [delivery for lane, found in rung.items() if lane in left for delivery in found if delivery not in done]
        if held:
            self._queue.release(held, _HELD_ELSEWHERE)
        # While the last ones were applied, a row may have been stored by a master that saw its lane behind, and such
        # a lane is not rung at once. It is served in the next turn, beside what rings then, so that no lane waits.
        self._again = {(look.stream, look.lane) for look in self._with_work(self._applied)}

    def _apply(self, lanes: set[Lane]) -> set[Lane]:
        """Apply those that have work; lanes that still have some, or that another worker holds."""
        looks = self._with_work(lanes)
        for look in looks:
            if look.attempts:
                self._sweeper.sweep_one(look)
        ready = {(look.stream, look.lane) for look in looks if not look.attempts}
        left = self._work.apply(ready)
        self._applied = ready - left
        return left

    def _with_work(self, lanes: set[Lane]) -> list[LaneLook]:
        return [look for look in self._work.looks(lanes).values() if look.has_work] if lanes else []

    def _lane_of(self, delivery: Delivery) -> Lane | None:
        bell = delivery.bell
        if bell is None or bell.stream not in self._work.streams:
            return None
        if bell.lane >= self._work.streams[bell.stream].parts.registered.lanes:
            return None
        return bell.stream, bell.lane
