"""Lanes that nobody serves: found by two looks a second apart, and applied here, with or without any doorbell."""

import logging
from collections.abc import Callable, Mapping
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
    _survived: dict[Lane, int] = field(default_factory=dict)

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
        for look in stuck:
            self.sweep_one(look)
            self.swept(look.stream)
        for look in found:
            work = self.work.streams[look.stream]
            if look.parked and not work.parts.stream.partial:
                self._retry(look)
        if stuck:
            self.reached(Step.SWEEPER_SWEPT)
        return len(stuck)

    def sweep_one(self, look: LaneLook) -> None:
        """Apply one lane under an attempt mark that is committed first, so that a deadly row leaves its trace."""
        attempts = self._mark(look.stream, look.lane, look.applied)
        self.reached(Step.SWEEPER_ATTEMPT_MARKED)
        try:
            if attempts < SUSPICIOUS_ATTEMPTS:
                self.work.apply([(look.stream, look.lane)])
            else:
                self._row_by_row(look, attempts)
        finally:
            # Whatever happened, it did not kill this process: the next mark takes these attempts back.
            self._survived[look.stream, look.lane] = self._survived.get((look.stream, look.lane), 0) + 1
        self._forget(look)

    def _row_by_row(self, look: LaneLook, attempts: int) -> None:
        work = self.work.streams[look.stream]
        one_row = replace(self.work.limits, rows=1)
        for _ in range(self.work.limits.rows):
            pending = work.applier.pending(look.lane, 1)
            if not pending:
                return
            try:
                if attempts >= POISON_ATTEMPTS:
                    poison = BadBatch(Reason("process", "POISON_CRASH", detail=f"{attempts - 1} attempts died of it"))
                    work.applier.apply_batch([look.lane], one_row, instead=(pending[0], poison))
                    log.error("poison_row_rejected", extra={"stream": look.stream, "lane": look.lane})
                else:
                    self.work.apply_once(look.stream, [look.lane], one_row)
            except (SqlError, Halted, Fenced) as error:
                self.work.failed(look.stream, [look.lane], error)
                return
            now = self.work.looks([(look.stream, look.lane)]).get((look.stream, look.lane))
            if now is None or not now.has_work:
                return
            # The next row stands under the same suspicion.
            attempts = self._mark(look.stream, look.lane, now.applied, inherited=SUSPICIOUS_ATTEMPTS - 1)

    def _mark(self, stream: str, lane: int, applied: int, *, inherited: int = 0) -> int:
        stream_id = self.work.streams[stream].parts.registered.stream_id
        with self.work.database.transaction() as session:
            attempts = lanes.mark_attempt(
                session, stream_id, lane, applied, survived=self._survived.get((stream, lane), 0), inherited=inherited
            )
        self._survived.pop((stream, lane), None)
        return attempts

    def _forget(self, look: LaneLook) -> None:
        stream_id = self.work.streams[look.stream].parts.registered.stream_id
        with self.work.database.transaction() as session:
            lanes.clear_attempts(session, stream_id, look.lane)
        self._survived.pop((look.stream, look.lane), None)

    def _retry(self, look: LaneLook) -> None:
        try:
            found = retry_parked(self.work.streams[look.stream].parts, look.lane)
        except (SqlError, Halted, Fenced) as error:
            self.work.failed(look.stream, [look.lane], error)
            return
        if found:
            log.info("parked_rows_applied", extra={"stream": look.stream, "lane": look.lane, "rows": found})
