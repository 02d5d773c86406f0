"""Lanes that nobody serves: found by two looks a second apart, and applied here, with or without any doorbell."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from db import lanes
from db.apply import BadBatch
from db.cut import close_lanes, half_made
from db.failure import SqlError
from db.lanes import LaneLook
from db.parked_retry import retry_parked
from migration_core.errors import Fenced, Halted, Reason
from migration_core.steps import Reached, Step, nothing
from migration_worker.lane_work import Lane, LaneWork

log = logging.getLogger(__name__)

SUSPICIOUS_ATTEMPTS = 3
"""From this attempt at one watermark on, the batch is one row."""
POISON_ATTEMPTS = 6
"""A row that killed its process three times while it was alone is rejected."""


def unserved(before: Mapping[Lane, int], now: Mapping[Lane, LaneLook]) -> list[LaneLook]:
    """Lanes with work whose watermark stands where it stood at the last look. Pure."""
    return [look for lane, look in now.items() if look.has_work and before.get(lane) == look.applied]


@dataclass(slots=True)
class Sweeper:
    """One pass a second over all lanes; `sweep_one` serves the doorbell loop too, where an attempt died before."""

    work: LaneWork
    reached: Reached = nothing
    swept: Callable[[str], None] = lambda _stream: None
    _before: dict[Lane, int] = field(default_factory=dict)
    _survived: list[tuple[int, int, int]] = field(default_factory=list)
    """Attempts (stream id, lane, watermark) that did not kill this process and are still counted."""

    def sweep(self) -> int:
        """Look at every lane, apply those that nobody serves, retry parked rows that are due; lanes swept."""
        ids = [work.parts.registered.stream_id for work in self.work.streams.values()]
        with self.work.database.transaction() as session:
            cuts = half_made(session, ids)
        for cut in cuts:
            close_lanes(self.work.database, cut, self.reached)
        with self.work.database.transaction() as session:
            found = lanes.with_work(session, ids)
        now = {(look.stream, look.lane): look for look in found}
        stuck = unserved(self._before, now)
        self._before = {lane: look.applied for lane, look in now.items()}
        if self.work.held_back:
            return 0  # each attempt would write, to a server that has enough to do
        for look in stuck:
            if self.sweep_one(look):
                self.swept(look.stream)
        for look in found:
            work = self.work.streams[look.stream]
            if look.parked and not work.parts.stream.partial:
                self._retry(look)
        if stuck:
            self.reached(Step.SWEEPER_SWEPT)
        return len(stuck)

    def sweep_one(self, look: LaneLook) -> bool:
        """Apply one lane under an attempt mark that is committed first, so that a deadly row leaves its trace.

        False when another process is at it already: two at once would look like one that died.
        """
        stream_id = self.work.streams[look.stream].parts.registered.stream_id
        with self.work.database.alone(lanes.attempt_lock(stream_id, look.lane)) as alone:
            if alone:
                self._attempt(look)
            return alone

    def _attempt(self, look: LaneLook) -> None:
        with self._marked(look, look.applied) as attempts:
            if attempts < SUSPICIOUS_ATTEMPTS:
                self.work.apply([(look.stream, look.lane)])
                return
        applied = look.applied
        for _ in range(self.work.limits.rows):
            with self._marked(look, applied, inherited=SUSPICIOUS_ATTEMPTS - 1) as attempts:
                moved = self._one_row(look, poison=attempts >= POISON_ATTEMPTS)
            now = self.work.looks([(look.stream, look.lane)]).get((look.stream, look.lane))
            if not moved or now is None or not now.has_work:
                return
            applied = now.applied  # the next row stands under the same suspicion

    @contextmanager
    def _marked(self, look: LaneLook, applied: int, *, inherited: int = 0) -> Iterator[int]:
        """The number of this attempt, which is taken back unless the process dies of it."""
        self._take_back()
        stream_id = self.work.streams[look.stream].parts.registered.stream_id
        mark = (stream_id, look.lane, applied)
        try:
            with self.work.database.transaction() as session:
                attempts = lanes.mark_attempt(session, *mark, inherited=inherited)
        except SqlError:
            self._survived.append(mark)  # perhaps it is there, and only the answer to the COMMIT was lost
            raise
        self.reached(Step.SWEEPER_ATTEMPT_MARKED)
        try:
            yield attempts
        finally:
            self._survived.append(mark)
            self._take_back()

    def _take_back(self) -> None:
        """A server that was away kept the last marks, and its absence is no row's fault."""
        with self.work.database.transaction() as session:
            for survived in self._survived:
                lanes.take_back_attempt(session, *survived)
        self._survived.clear()

    def _one_row(self, look: LaneLook, *, poison: bool) -> bool:
        """Apply the next row alone, or reject it as the poison that it is; False when nothing could be done."""
        one_row = replace(self.work.limits, rows=1)
        applier = self.work.streams[look.stream].applier
        try:
            if not poison:
                return bool(self.work.apply_once(look.stream, [look.lane], one_row).rows)
            (pending, *_) = applier.pending(look.lane, 1) or [0]
            cause = Reason("process", "POISON_CRASH", detail=f"{POISON_ATTEMPTS - 1} attempts died of it")
            done = applier.apply_batch([look.lane], one_row, instead=(pending, BadBatch(cause)))
        except (SqlError, Halted, Fenced) as error:
            self.work.failed(look.stream, [look.lane], error)
            return False
        if done.rows:
            log.error("poison_row_rejected", extra={"stream": look.stream, "lane": look.lane})
        return bool(done.rows)

    def _retry(self, look: LaneLook) -> None:
        try:
            found = retry_parked(self.work.streams[look.stream].parts, look.lane)
        except (SqlError, Halted, Fenced) as error:
            self.work.failed(look.stream, [look.lane], error)
            return
        if found:
            log.info("parked_rows_applied", extra={"stream": look.stream, "lane": look.lane, "rows": found})
