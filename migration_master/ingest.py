"""Reads assigned partitions and stores what they hold, one transaction after another."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from db.ingest import IngestStore, PartitionRows, SourceOffset, TouchedLane
from kafka_log.failure import PartitionBroken
from kafka_log.reader import LogReader, PartitionBatch
from kafka_log.watermarks import Partition
from migration_core.errors import Rejected
from migration_core.fingerprint import fingerprint
from migration_core.lane import KEYLESS_LANE, lane_of
from migration_core.records import Received
from migration_core.steps import Reached, Step, nothing
from migration_core.stops import Stops
from migration_master.sources import place_of

log = logging.getLogger(__name__)

MOST_RECORDS = 5000
"""Of one transaction: larger ones cost memory and gain nothing."""
MOST_BYTES = 4 << 20


class StreamRules(Protocol):
    """What the master needs of a compiled stream."""

    @property
    def lanes(self) -> int: ...
    @property
    def partial(self) -> bool: ...
    @property
    def topics(self) -> tuple[str, ...]: ...
    def key_of(self, record_key: bytes | None, value: bytes | None) -> bytes: ...


class Ingest:
    """Valid from its offsets until its first error: then throw it away and begin again from the store."""

    def __init__(
        self,
        store: IngestStore,
        reader: LogReader,
        sources: Iterable[SourceOffset],
        streams: Mapping[str, StreamRules],
        touched: Callable[[Sequence[TouchedLane]], None],
        reached: Reached = nothing,
        *,
        stops: Stops | None = None,
    ) -> None:
        self._store = store
        self._reader = reader
        self._sources: dict[Partition, SourceOffset] = {place_of(source): source for source in sources}
        self._streams = streams
        self._touched = touched
        self._reached = reached
        self._stops = stops or {}

    @property
    def sources(self) -> Mapping[Partition, SourceOffset]:
        """Every partition with the offset up to which it is stored."""
        return self._sources

    def stands_at(self, sources: Iterable[SourceOffset]) -> bool:
        """Whether the store has each of these partitions where this process has it.

        A fail-over may lose the newest commits, and an idle process hears of none: with no further record the fence
        would never tell it either.
        """
        return all(self._sources[place_of(source)].next_offset == source.next_offset for source in sources)

    def turn(self, timeout: float) -> list[PartitionRows]:
        """Read once, store it, have it rung for; what was stored, empty when nothing had come within `timeout`."""
        batches = self._reader.read(MOST_RECORDS, timeout, max_bytes=MOST_BYTES)
        parts = [part for batch in batches if (part := self._part(batch)) is not None]
        if not parts:
            return []
        self._reached(Step.MASTER_BATCH_READ)
        # Durable first, only then rung: a doorbell for rows that may yet roll back would be deleted as idle.
        touched = self._store.commit(parts)
        self._touched(touched)
        for part in parts:
            self._sources[place_of(part.source)] = _moved(part)
        return parts

    def _part(self, batch: PartitionBatch) -> PartitionRows | None:
        place = batch.topic, batch.partition
        source = self._sources[place]
        if place in self._stops and batch.next_offset >= self._stops[place]:
            cut(batch, self._stops[place])
            self._reader.leave(*place)
            log.info("stopped_at", extra={"topic": place[0], "partition": place[1], "offset": self._stops[place]})
        if batch.records and batch.records[0].source_offset < source.next_offset:
            # Reading may begin below next_offset, where only markers and aborted records were.
            found = batch.records[0].source_offset
            raise PartitionBroken(batch.topic, batch.partition, f"a record stands at {found}, where none was before")
        if batch.next_offset <= source.next_offset:
            return None
        part = PartitionRows(source, source.next_offset, batch.next_offset, None)
        if batch.records:
            last = batch.records[-1]
            part.leader_epoch, part.last_offset, part.last_sha256 = (
                batch.leader_epoch,
                last.source_offset,
                fingerprint(last),
            )
            part.rows = list(_placed(self._streams[source.stream], batch.records))
        return part


def cut(batch: PartitionBatch, stop: int) -> None:
    """Leave only what stands before `stop`.

    The leader epoch stays that of the last record that was read: under a later epoch than the record's own, the log
    still proves to be unchanged.
    """
    batch.records = [record for record in batch.records if record.source_offset < stop]
    batch.next_offset = min(batch.next_offset, stop)


def _placed(stream: StreamRules, records: Sequence[Received]) -> Iterator[tuple[int, bytes | None, Received]]:
    key_of, lanes = stream.key_of, stream.lanes
    for record in records:
        try:
            key = key_of(record.record_key, record.value)
        except Rejected:
            # It is stored like any other; the worker finds the same cause again and rejects it with its bytes.
            yield KEYLESS_LANE, None, record
        else:
            yield lane_of(key, lanes), key, record


def _moved(part: PartitionRows) -> SourceOffset:
    source = part.source
    return replace(
        source,
        next_offset=part.next_offset,
        leader_epoch=source.leader_epoch if part.leader_epoch is None else part.leader_epoch,
        last_offset=source.last_offset if part.last_offset is None else part.last_offset,
        last_sha256=source.last_sha256 if part.last_sha256 is None else part.last_sha256,
    )
