"""Applying lanes until they are empty, whatever rang: what a failure asks for, and who must wait."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from db import breaker, lanes
from db.apply import Applied, BadBatch, LaneApplier, Limits, StreamParts
from db.breaker import Tripped
from db.engine import Database
from db.errno import Answer
from db.failure import SqlError
from db.isolate import isolate
from db.lanes import LaneLook
from db.stream_state import halt_stream
from migration_core.errors import Fenced, Halted
from migration_worker.brake import Brake
from migration_worker.patience import Patience

log = logging.getLogger(__name__)

LANE_SECONDS = 5.0
"""How long a worker stays with the lanes that it has before it gives them back."""

LIGHT_ROWS = 50
"""A lane with at most so many rows to apply is served beside others by whoever is awake."""

_UNEXPLAINED = (Answer.UNKNOWN, Answer.DUPLICATE, Answer.BAD_DATA)
"""Of the program's own bookkeeping: what a row is to blame for has been settled with the row."""

Lane = tuple[str, int]
Counted = Callable[[str, Applied, float], None]
"""Hears of every committed transaction: the stream, what it did and the seconds that it took."""


@dataclass(frozen=True, slots=True)
class StreamWork:
    """One stream as this worker applies it."""

    parts: StreamParts
    applier: LaneApplier


class LaneWork:
    """Applies lanes of all streams of a mapping; `counted` is told of every row that has an outcome."""

    def __init__(
        self,
        database: Database,
        streams: Mapping[str, StreamWork],
        limits: Limits,
        brake: Brake,
        *,
        counted: Counted = lambda _stream, _applied, _seconds: None,
        tripped: Callable[[str], None] = lambda _stream: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.streams = streams
        self.limits = limits
        self._counted = counted
        self._tripped = tripped
        self._brake = brake
        self._clock = clock
        self._patience = Patience()
        self._known: set[Lane] = set()

    @property
    def held_back(self) -> bool:
        """Whether nothing is applied now because the target has enough to do."""
        self._brake.look()
        return bool(self._brake.reason)

    def looks(self, wanted: Collection[Lane]) -> dict[Lane, LaneLook]:
        """The lanes that are neither paused nor halted, as they stand now, without a lock."""
        ids = [(self.streams[stream].parts.registered.stream_id, lane) for stream, lane in wanted]
        with self.database.transaction() as session:
            return {(look.stream, look.lane): look for look in lanes.looks(session, ids)}

    def ready(self, rung: Collection[Lane]) -> list[LaneLook]:
        """What there is to do: the lanes `rung` that have work, and beside them light ones that need no doorbell.

        Of those only the ones that this process has applied before. A row that kills the process is then met again
        behind a doorbell or an attempt mark, not by every worker that wakes up for something else.
        """
        ids = [work.parts.registered.stream_id for work in self.streams.values()]
        with self.database.transaction() as session:
            found = lanes.with_work(session, ids)
        return [look for look in found if look.has_work and ((look.stream, look.lane) in rung or self._beside(look))]

    def _beside(self, look: LaneLook) -> bool:
        return look.backlog <= LIGHT_ROWS and not look.attempts and (look.stream, look.lane) in self._known

    def apply(self, wanted: Collection[Lane]) -> set[Lane]:
        """Apply until these lanes are empty or the time is over; those that failed or that another worker holds."""
        by_stream: dict[str, set[int]] = defaultdict(set)
        for stream, lane in wanted:
            by_stream[stream].add(lane)
        until = self._clock() + LANE_SECONDS
        left: set[Lane] = set()
        for stream, numbers in by_stream.items():
            left.update((stream, lane) for lane in self._drain(stream, numbers, until))
        return left

    def apply_once(self, stream: str, wanted: Sequence[int], limits: Limits) -> Applied:
        """One transaction, and if the server refuses a value, the search for its row; other failures rise."""
        work = self.streams[stream]
        began = self._clock()
        try:
            applied = work.applier.apply_batch(wanted, limits)
        except BadBatch:
            applied = Applied()
            for lane in wanted:
                applied.add(isolate(work.applier, lane, limits))
            applied.unfinished.update(applied.rows)
        for lane in applied.rows:
            self._patience.worked(stream, lane)
            self._known.add((stream, lane))
        self._counted(stream, applied, self._clock() - began)
        return applied

    def failed(self, stream: str, wanted: Sequence[int], error: SqlError | Halted | Fenced) -> None:
        """Decide what a failure means for these lanes: wait, halt the stream, or halt the lane after some tries."""
        fields = {"stream": stream, "lanes": list(wanted), "error": str(error)}
        stream_id = self.streams[stream].parts.registered.stream_id
        if isinstance(error, Tripped):
            log.error("stream_paused_by_rejects", extra={**fields, "pattern": error.pattern})
            self._tripped(stream)
            breaker.pause(self.database, stream_id, error)
        elif isinstance(error, Halted) or (isinstance(error, SqlError) and error.answer is Answer.HALT):
            log.error("stream_halted", extra=fields)
            with self.database.transaction() as session:
                halt_stream(session, stream_id, str(error))
        elif isinstance(error, SqlError) and error.answer in _UNEXPLAINED:
            log.warning("lane_failed", extra=fields)
            for lane in wanted:
                if self._patience.failed(stream, lane):
                    log.error("lane_halted", extra={**fields, "lanes": [lane]})
                    with self.database.transaction() as session:
                        lanes.halt_lane(session, stream_id, lane, str(error))
        else:
            log.warning("batch_will_be_redone", extra=fields)

    def _drain(self, stream: str, numbers: set[int], until: float) -> set[int]:
        """Lanes of one stream that failed, or that another worker holds."""
        elsewhere: set[int] = set()
        while numbers:
            wanted = sorted(numbers)
            try:
                stream_id = self.streams[stream].parts.registered.stream_id
                allowed = self._brake.allow(stream_id, self.limits.rows)
                if allowed == 0:
                    return numbers | elsewhere
                applied = self.apply_once(stream, wanted, replace(self.limits, rows=allowed))
                self._brake.used(stream_id, allowed, sum(applied.rows.values()))
            except (SqlError, Halted, Fenced) as error:
                self.failed(stream, wanted, error)
                return numbers | elsewhere
            elsewhere |= applied.locked_elsewhere
            numbers = set(applied.unfinished)
            if self._clock() > until:
                break
        return elsewhere
