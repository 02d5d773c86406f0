"""Makes a snapshot folder from Kafka topics, for rehearsals and replays of what a platform would export."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from zlib import crc32

from kafka_log.reader import LogReader, Start
from kafka_log.watermarks import CapturedOffset, LogView
from migration_core.containers import CONTAINERS
from migration_core.containers.kcat import render
from migration_core.errors import ConfigError, Halted, SnapshotError
from migration_core.headers import decode_headers
from migration_core.manifest import FILE_NAME, Compression, Manifest, Part, StreamSnapshot, TopicOffsets
from migration_core.mapping import CompiledStream
from migration_core.records import Received
from snapshot_loader.latest import Latest, Place
from snapshot_loader.progress import Progress
from snapshot_loader.stopping import StoppedEarly
from snapshot_loader.writing import PART_ROWS, write_manifest, write_parts

log = logging.getLogger(__name__)

_AT_ONCE = 10_000
_WAIT_SECONDS = 1.0

Offsets = Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class Taking:
    """What `take` works with."""

    config: Mapping[str, str]
    """librdkafka's settings."""
    folder: Path
    streams: Sequence[CompiledStream]
    progress: Progress
    stop: Event
    fuzzy: bool = False
    """Whether full images may be newer than the start offsets, as in an export that takes its time."""
    container: str = "kcat"
    compression: Compression = "zstd"
    part_rows: int = PART_ROWS


def take(taking: Taking) -> Manifest:
    """Write parts and manifest of every stream; nothing counts before the manifest is there."""
    folder = taking.folder
    if (folder / FILE_NAME).exists():
        raise ConfigError(f"{folder} holds a snapshot already: name another folder")
    _expect_container(taking)
    folder.mkdir(parents=True, exist_ok=True)
    view = LogView(taking.config)
    # All offsets before the first record is read: whatever comes later is streamed, and doubled rather than lost.
    starts = {stream.name: view.offsets_now(stream.topics) for stream in taking.streams}
    snapshots = [_Stream(taking, view, stream, starts[stream.name]).snapshot() for stream in taking.streams]
    manifest = Manifest(created_at=datetime.now(UTC), streams=tuple(snapshots))
    write_manifest(folder, manifest)
    return manifest


class _Stream:
    def __init__(
        self, taking: Taking, view: LogView, stream: CompiledStream, captured: Sequence[CapturedOffset]
    ) -> None:
        self._taking = taking
        self._view = view
        self._stream = stream
        self._captured = captured
        self._starts = {(one.topic, one.partition): one.offset for one in captured}
        marks = view.watermarks(self._starts)
        self._lows = {place: marks[place].low for place in self._starts}

    def snapshot(self) -> StreamSnapshot:
        total = sum(self._starts[place] - self._lows[place] for place in self._starts)
        self._taking.progress.begin(self._stream.name, total)
        parts, ends = self._log() if self._stream.partial else self._images()
        log.info("snapshot_taken", extra={"stream": self._stream.name, "rows": sum(part.rows for part in parts)})
        return StreamSnapshot(
            name=self._stream.name,
            container=self._taking.container,
            compression=self._taking.compression,
            partial=self._stream.partial,
            topics=tuple(
                TopicOffsets(
                    topic=one.topic,
                    topic_id=one.topic_id,
                    partition=one.partition,
                    start_offset=one.offset,
                    end_offset=ends[one.topic, one.partition],
                    leader_epoch=one.leader_epoch,
                )
                for one in self._captured
            ),
            parts=parts,
        )

    def _log(self) -> tuple[tuple[Part, ...], Offsets]:
        """Partial changes: every record up to the start offsets, partition by partition."""
        gone = sorted(f"{topic}[{partition}]" for (topic, partition), low in self._lows.items() if low)
        if gone:
            raise Halted(
                f"{', '.join(gone)}: the first records are gone, and partial changes mean nothing without them: "
                "take the snapshot from the platform itself"
            )
        lines = (
            self._line(place, record)
            for place in sorted(self._starts)
            for _, records in self._read({place: self._starts[place]})
            for record in records
        )
        return self._parts(lines), self._starts

    def _images(self) -> tuple[tuple[Part, ...], Offsets]:
        """Full documents: the newest one of each key."""
        latest = Latest(self._taking.folder, self._stream)
        try:
            ends = self._collect(latest)
            return self._parts(self._line(*found) for found in latest.records()), ends
        finally:
            latest.close()

    def _collect(self, latest: Latest) -> Offsets:
        for place, records in self._read(self._starts):
            latest.take(place, records)
        if not self._taking.fuzzy:
            return self._starts
        now = self._view.offsets_now(self._stream.topics)
        ends = dict(self._starts)
        ends |= {(one.topic, one.partition): one.offset for one in now if (one.topic, one.partition) in ends}
        for place, records in self._read(ends, self._starts):
            start = self._starts[place]
            latest.take(place, [one for one in records if one.source_offset < _seen_at(one, start, ends[place])])
        return ends

    def _read(self, ends: Offsets, begins: Offsets | None = None) -> Iterator[tuple[Place, list[Received]]]:
        """The records below `ends`, each partition in order."""
        begins = begins or self._lows
        left = {place for place, end in ends.items() if begins[place] < end}
        if not left:
            return
        reader = LogReader(self._taking.config)
        try:
            reader.assign([Start(topic, partition, begins[topic, partition]) for topic, partition in sorted(left)])
            while left:
                if self._taking.stop.is_set():
                    raise StoppedEarly(f"{self._stream.name}, nothing of this snapshot counts yet")
                for batch in reader.read(_AT_ONCE, _WAIT_SECONDS):
                    place = (batch.topic, batch.partition)
                    if place not in left:
                        continue
                    records = [one for one in batch.records if one.source_offset < ends[place]]
                    yield place, records
                    self._taking.progress.advance(len(records))
                    if batch.next_offset >= ends[place]:
                        left.discard(place)
        finally:
            reader.close()

    def _line(self, place: Place, record: Received) -> bytes:
        if self._taking.container == "kcat":
            return render(*place, record, decode_headers(record.headers))
        if record.value is None or b"\n" in record.value:
            raise SnapshotError(
                f"{place[0]}[{place[1]}] at offset {record.source_offset}: a tombstone or a line feed cannot stand in "
                "ndjson: take the snapshot with --container kcat"
            )
        return record.value + b"\n"

    def _parts(self, lines: Iterable[bytes]) -> tuple[Part, ...]:
        taking = self._taking
        return write_parts(
            taking.folder, self._stream.name, taking.container, taking.compression, lines, taking.part_rows
        )


def _seen_at(record: Received, start: int, end: int) -> int:
    """Where the log stood when an export that takes its time came to this record's key: any place in the window."""
    return start + crc32(record.record_key or record.value or b"") % (end - start + 1)


def _expect_container(taking: Taking) -> None:
    if taking.container not in CONTAINERS:
        raise ConfigError(f"container {taking.container!r} is unknown: write one of {', '.join(sorted(CONTAINERS))}")
    for stream in taking.streams:
        if taking.container != "kcat" and stream.keys.from_record_key:
            raise ConfigError(
                f"stream {stream.name!r} has its key in the record key, which {taking.container} does not hold: "
                "take the snapshot with --container kcat"
            )
