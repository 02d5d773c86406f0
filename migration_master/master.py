"""From take-over to the end: looks around, decides what may be read, ingests, and begins again after every error."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from db.bulk import Repaired
from db.errno import Answer
from db.failure import SqlError
from db.ingest import IngestStore, PartitionRows, SourceOffset, TouchedLane
from db.source_store import SourceStore
from kafka_log.failure import PartitionBroken, ReadFailed
from kafka_log.reader import LogReader
from kafka_log.watermarks import Partition
from migration_core.errors import Halted, MigrationError, Transient
from migration_core.steps import Reached, nothing
from migration_core.stops import Stops
from migration_master.controls import Controls
from migration_master.ingest import Ingest, StreamRules
from migration_master.observed import Observed
from migration_master.sources import (
    Findings,
    View,
    nothing_left,
    place_of,
    position_lost,
    readable,
    start_of,
    stopped,
    vanishing,
)
from migration_master.survey import Survey

log = logging.getLogger(__name__)

_LOOK_SECONDS = 60.0
_UNREGISTERED_SECONDS = 2.0
"""Between two looks while a stream of the mapping has no offsets: the loader registers one stream after the other."""
_LAG_SECONDS = 1.0
_READ_SECONDS = 0.25
_CONTROLS_SECONDS = 1.0
_THROTTLED_SECONDS = 1.0
"""Between two transactions while the target has enough to do: ingest slows and does not stop, since sources forget."""
_TRIES = 5
"""How often a partition that cannot be read, or an error that the errno table does not know, is tried again."""


@dataclass(frozen=True, slots=True)
class MasterParts:
    """What the master works with."""

    store: IngestStore
    source_store: SourceStore
    survey: Survey
    open_reader: Callable[[], LogReader]
    streams: Mapping[str, StreamRules]
    touched: Callable[[Sequence[TouchedLane]], None]
    observed: Observed
    reached: Reached = nothing
    look_seconds: float = _LOOK_SECONDS
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], object] = time.sleep
    """Between turns that have nothing to do, or to a server that has enough to do."""
    controls: Callable[[], Controls] = Controls
    now: Callable[[], float] = time.time
    """For the age of records only: nothing that the guarantee rests on asks for the time of day."""


@dataclass(slots=True)
class _Plan:
    sources: list[SourceOffset] = field(default_factory=list)
    reading: list[SourceOffset] = field(default_factory=list)
    waits_for: dict[int, dict[int, int]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    stops: Stops = field(default_factory=dict)

    def differs_from(self, other: "_Plan") -> bool:
        """Whether reading must begin again to follow this plan."""
        mine, theirs = ({source.source_id for source in plan.reading} for plan in (self, other))
        return mine != theirs or self.stops != other.stops


class Master:
    """Call `turn` again and again; a Transient may be waited out, everything else ends the process."""

    def __init__(self, parts: MasterParts) -> None:
        self._parts = parts
        self._partial = frozenset(name for name, stream in parts.streams.items() if stream.partial)
        self._taken_over = False
        self._plan = _Plan()
        self._reader: LogReader | None = None
        self._ingest: Ingest | None = None
        self._next_look = self._next_lag = self._next_controls = 0.0
        self._controls = Controls()
        self._idle = False
        self._lost: dict[Partition, str] = {}
        self._failures: dict[tuple[Partition, int], int] = {}
        self._unexplained = 0
        self._trouble = ""
        self._times: dict[Partition, int] = {}
        self._held: dict[Partition, int] = {}
        self.reasons: dict[str, str] = {"*": "the offsets are not taken over yet"}
        """{stream: why it stands still}."""

    def check(self) -> None:
        """For /readyz: raises while a stream stands still, or ingest does."""
        said = [*self.reasons.values(), *([self._trouble] if self._trouble else [])]
        if said:
            raise Halted(" | ".join(said))

    def turn(self) -> None:
        """One transaction, after a look around when it is time for one."""
        try:
            self._obey()
            ingest = self._ingest
            if (ingest is None and not self._idle) or self._parts.clock() >= self._next_look:
                ingest = self._look(ingest)
            if ingest is not None:
                self._store(ingest)
            self._unexplained, self._trouble = 0, ""
        except PartitionBroken as broken:
            self._forget(str(broken))
            self._lost[broken.topic, broken.partition] = broken.reason
        except ReadFailed as failed:
            if failed.damaged:
                self._count(failed)
            self._forget(str(failed))
            raise
        except Repaired as repaired:
            self._forget("")
            raise Halted(f"raw rows were not stored as sent, which no record can cause: {repaired}") from repaired
        except SqlError as error:
            self._forget(str(error))
            self._unexplained += error.answer is Answer.UNKNOWN
            if error.answer is Answer.UNKNOWN and self._unexplained < _TRIES:
                raise Transient(str(error)) from error
            raise
        except MigrationError as error:
            self._forget(str(error))
            raise

    def close(self) -> None:
        """Stop reading; everything stored is stored."""
        self._ingest, self._idle = None, False
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _forget(self, reason: str) -> None:
        """Drop what memory and client hold: the store alone knows what is true after an error."""
        self._parts.observed.interrupted()
        self._trouble = reason
        self.close()

    def _store(self, ingest: Ingest) -> None:
        began = self._parts.clock()
        parts = ingest.turn(_READ_SECONDS)
        if parts:
            self._note(parts, self._parts.clock() - began)
        if self._reader is not None and began >= self._next_lag:
            self._parts.observed.lag(ingest.sources.values(), self._reader.high)
            self._next_lag = began + _LAG_SECONDS
        if self._plan.waits_for:
            now = [ingest.sources.get(place_of(source), source) for source in self._plan.sources]
            if len(readable(now, self._plan.refused, self._plan.waits_for, self._plan.stops)) > len(self._plan.reading):
                self._next_look = 0.0

    def _note(self, parts: Sequence[PartitionRows], seconds: float) -> None:
        self._parts.observed.stored(parts, seconds)
        for part in parts:
            if part.rows and part.rows[-1][2].time is not None:
                self._times[place_of(part.source)] = part.rows[-1][2].time

    def _obey(self) -> None:
        """See what people and the target want of ingest now."""
        if self._parts.clock() >= self._next_controls:
            self._controls = self._parts.controls()
            self._next_controls = self._parts.clock() + _CONTROLS_SECONDS
            if self._controls.stops != self._plan.stops:
                self._next_look = 0.0
        if self._controls.throttled or self._idle:
            self._parts.wait(_THROTTLED_SECONDS if self._controls.throttled else _READ_SECONDS)

    def _look(self, ingest: Ingest | None) -> Ingest | None:
        """Ask store and cluster, record what must stop, and read what may be read from where the store says."""
        sources = self._sources()
        view, findings = self._parts.survey.look(sources, self._partial)
        if self._record(sources, findings):
            sources = self._parts.store.read_again()
        plan = _Plan(sources, [], self._parts.source_store.waits_for(), findings.refused, self._controls.stops)
        plan.reading = readable(sources, plan.refused, plan.waits_for, plan.stops)
        self._tell(plan)
        self._warn(plan.reading, view)
        ended = any(stopped(source, plan.stops) for source in sources)
        if not plan.reading and not ended:
            raise Halted(f"nothing is left to read: {nothing_left(sources, plan.refused)}")
        if not plan.reading:
            self.close()
            ingest = None
        elif ingest is None or plan.differs_from(self._plan) or not ingest.stands_at(plan.reading):
            ingest = self._begin(plan.reading, view, plan.stops)
        self._plan, self._ingest, self._idle = plan, ingest, ingest is None
        unregistered = self._parts.streams.keys() - {source.stream for source in sources}
        pause = min(_UNREGISTERED_SECONDS, self._parts.look_seconds) if unregistered else self._parts.look_seconds
        self._next_look = self._parts.clock() + pause
        return ingest

    def _sources(self) -> list[SourceOffset]:
        if self._taken_over:
            # A locking read, in which a newer master's epoch shows as well.
            sources = self._parts.store.read_again()
        else:
            sources = self._parts.store.take_over(list(self._parts.streams))
            self._taken_over = bool(sources)
            if sources:
                log.info("took_over", extra={"epoch": self._parts.store.epoch, "partitions": len(sources)})
        if not sources:
            self.reasons = {"*": "no offsets are registered yet: load a snapshot, or register its manifest"}
            raise Transient(self.reasons["*"])
        return sources

    def _begin(self, reading: Sequence[SourceOffset], view: View, stops: Stops) -> Ingest:
        self.close()
        self._reader = self._parts.open_reader()
        self._reader.assign([start_of(source, view.marks.get(place_of(source))) for source in reading])
        log.info("reading", extra={"partitions": len(reading)})
        return Ingest(
            self._parts.store,
            self._reader,
            reading,
            self._parts.streams,
            self._parts.touched,
            self._parts.reached,
            stops=stops,
        )

    def _record(self, sources: Sequence[SourceOffset], findings: Findings) -> bool:
        """Commit what must stop, so that a restart stops there too; whether there was anything."""
        known = {place_of(halt.source) for halt in findings.halts}
        for source in sources:
            if source.halted is None and place_of(source) in self._lost and place_of(source) not in known:
                findings.halts.append(position_lost(source, self._lost[place_of(source)]))
        epoch = self._parts.store.epoch
        for halt in findings.halts:
            self._parts.source_store.halt(
                halt.source.source_id,
                halt.reason,
                halt.from_offset,
                halt.to_offset,
                expected=halt.source.next_offset,
                epoch=epoch,
            )
            log.error("partition_halted", extra={"stream": halt.source.stream, "reason": halt.reason})
        for one in findings.added:
            self._parts.source_store.add_stopped(
                one.stream, one.topic, one.topic_id, one.partition, one.reason, epoch=epoch
            )
            log.error("partition_added", extra={"stream": one.stream, "reason": one.reason})
        self._lost.clear()
        return bool(findings.halts or findings.added)

    def _tell(self, plan: _Plan) -> None:
        reasons = {source.stream: source.halted for source in plan.sources if source.halted is not None}
        reasons.update(plan.refused)
        if reasons != self.reasons:
            for stream, reason in reasons.items():
                log.error("stream_stands_still", extra={"stream": stream, "reason": reason})
        self.reasons = reasons
        self._parts.observed.standing_still(self._parts.streams, reasons)

    def _warn(self, reading: Sequence[SourceOffset], view: View) -> None:
        """Say what will become a gap, or stands still without an error, while there is time."""
        held = {}
        for source in reading:
            place, mark = place_of(source), view.marks.get(place_of(source))
            if mark is None:
                continue
            where = {"topic": source.topic, "partition": source.partition}
            if mark.last_stable < mark.high and source.next_offset >= mark.last_stable:
                held[place] = mark.last_stable
                if self._held.get(place) == mark.last_stable:
                    log.warning("transaction_open", extra={**where, "from": mark.last_stable, "to": mark.high})
            kept, stored = view.retention.get(source.topic), self._times.get(place)
            if kept is None or stored is None or source.next_offset >= mark.last_stable:
                continue
            behind = timedelta(milliseconds=max(0, int(self._parts.now() * 1000) - stored))
            limit = vanishing(kept, partial=source.stream in self._partial, behind=behind)
            if limit is not None:
                spans = {"behind_seconds": int(behind.total_seconds()), "kept_seconds": int(limit.total_seconds())}
                log.error("retention_near", extra={**where, **spans})
        self._held = held

    def _count(self, failed: ReadFailed) -> None:
        place = (failed.topic, failed.partition)
        source = self._ingest.sources.get(place) if self._ingest is not None else None
        if source is None:
            return
        at = (place, source.next_offset)
        tries = self._failures.get(at, 0) + 1
        self._failures = {at: tries}
        if tries >= _TRIES:
            self._lost[place] = f"it could not be read in {tries} tries: {failed.reason}"
