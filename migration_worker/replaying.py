"""A changed mapping run from raw into shadow tables beside the workers, and its tables put in the place of theirs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TypeVar

from db import shadow as shadows
from db import shadow_swap
from db.apply import Applied, BadBatch, LaneApplier, Limits, StreamParts
from db.engine import Database
from db.isolate import isolate
from db.parked_retry import retry_parked
from db.shadow import Shadow
from db.shadow_tables import shadow_of
from db.writing import TargetWriter
from migration_core.errors import Halted, Transient
from migration_core.mapping import CompiledMapping
from migration_core.steps import Reached, nothing
from runtime.exits import Stopped
from runtime.retry import patiently

log = logging.getLogger(__name__)

_LEVEL_ROWS = 1000
"""A round of so few rows means that the replay keeps up: more rounds would only follow what arrives."""
_HELD_SECONDS = 0.1

T = TypeVar("T")


class StoppedReplay(Transient):
    """The process was asked to leave: exit 75, and the same command goes on."""

    def __init__(self) -> None:
        super().__init__("stopped between two batches: run the same command again to go on from there")


@dataclass(frozen=True, slots=True)
class Replaying:
    """One replay as this process runs it; another process may run it too, lane beside lane."""

    database: Database
    shadow: Shadow
    mapping: CompiledMapping
    version: str
    stop: Event
    told: Callable[[int], None] = lambda _rows: None
    reached: Reached = nothing
    limits: Limits = field(default_factory=Limits)

    def run(self) -> None:
        """Apply what the stream has applied, until little is left; the same call goes on from wherever it stopped."""
        parts = self._parts()
        while self._round(parts) > _LEVEL_ROWS:
            pass

    def swap(self) -> None:
        """Shut the stream's lanes, follow to where they stand, and put the shadow tables in their place."""
        missing = self._surely(lambda: shadows.rows_missing(self.database, self.shadow))
        if missing:
            raise Halted(
                f"{missing} rows that stream {self.shadow.stream.name!r} has applied are no longer in raw, and the new "
                "tables would lack them: reload the stream instead"
            )
        # From here on nobody applies the stream, so what may pass by itself is waited for and not left to a person.
        self._surely(lambda: shadow_swap.shut_lanes(self.database, self.shadow, self.reached))
        parts = self._parts()
        while self._round(parts):
            pass
        self._surely(lambda: shadow_swap.expect_level(self.database, self.shadow))
        self._surely(self._finish)

    def _finish(self) -> None:
        schema, file_hash = self.mapping.target_schema, self.mapping.hash
        shadow_swap.finish(self.database, schema, self.shadow, file_hash, self.reached)

    def _parts(self) -> StreamParts:
        stream = self.mapping.streams[self.shadow.stream.name]
        return StreamParts(
            database=self.database,
            registered=self.shadow.registered,
            stream=stream,
            writer=TargetWriter(self.mapping.target_schema, stream, name_of=shadow_of),
            version=self.version,
            reached=self.reached,
            raw_id=self.shadow.stream.stream_id,
        )

    def _round(self, parts: StreamParts) -> int:
        """Follow every lane to where the stream stood at the begin; the rows that it took."""
        behind = self._surely(lambda: shadows.open_to_applied(self.database, self.shadow))
        applier = LaneApplier(parts)
        rows = sum(self._lane(applier, lane) for lane in behind)
        for lane in self._surely(lambda: shadows.parked_lanes(self.database, self.shadow)):
            # Only now: the row that gives the value up may have stood in any lane.
            self._surely(partial(retry_parked, parts, lane))
        return rows

    def _lane(self, applier: LaneApplier, lane: int) -> int:
        rows = 0
        while True:
            applied = self._surely(lambda: self._once(applier, lane))
            done = sum(applied.rows.values())
            rows += done
            self.told(done)
            if lane in applied.locked_elsewhere:
                self.stop.wait(_HELD_SECONDS)
            elif lane not in applied.unfinished:
                return rows

    def _once(self, applier: LaneApplier, lane: int) -> Applied:
        try:
            return applier.apply_batch([lane], self.limits)
        except BadBatch:
            applied = isolate(applier, lane, self.limits)
            applied.unfinished.add(lane)
            return applied

    def _surely(self, act: Callable[[], T]) -> T:
        if self.stop.is_set():
            raise StoppedReplay
        try:
            return patiently(act, stop=self.stop, what="the replay")
        except Stopped as error:
            raise StoppedReplay from error
