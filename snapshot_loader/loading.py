"""From a verified manifest to open parts: rows in chunks, then what stands twice, then the barrier, then the bells."""

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from db.engine import Database
from db.registry import RegisteredStream
from db.snapshot_registry import StoredPart, StoredSnapshot, register_snapshot
from db.snapshot_store import SnapshotStore
from db.snapshot_sweep import Sweep
from migration_core.checkpoint import START
from migration_core.containers import CONTAINERS
from migration_core.doorbell import Doorbell
from migration_core.errors import Fenced
from migration_core.manifest import StreamSnapshot
from migration_core.sequence import last_of
from migration_core.steps import Reached, Step, nothing
from snapshot_loader.ahead import ahead
from snapshot_loader.malformed import MalformedLines
from snapshot_loader.preparing import KeyOf, PartRules, Prepared, prepare
from snapshot_loader.progress import Progress
from snapshot_loader.reading import Bounds, PartReader, PrefixChanged
from snapshot_loader.repeats import Repeats
from snapshot_loader.stopping import Insistence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadParts:
    """What the load of one stream works with."""

    database: Database
    folder: Path
    snapshot: StreamSnapshot
    stream: RegisteredStream
    key_of: KeyOf
    ring: Callable[[Sequence[Doorbell]], object]
    insistence: Insistence
    progress: Progress
    reached: Reached = nothing
    bounds: Bounds = field(default_factory=Bounds)


class StreamLoad:
    """One stream's snapshot; `register` first, so that the master may begin, then `load`."""

    def __init__(self, parts: LoadParts) -> None:
        self._parts = parts
        self._surely = parts.insistence.surely

    def register(self) -> StoredSnapshot:
        """Record offsets, parts and generation, or take over what another loader left."""
        parts = self._parts
        stored = self._surely(
            lambda: register_snapshot(parts.database, parts.stream, parts.snapshot, str(parts.folder)),
            f"registering the snapshot of {parts.stream.name!r}",
        )
        parts.reached(Step.LOADER_REGISTERED)
        done = sum(part.rows if part.state == "open" else part.loaded.lines for part in stored.parts)
        log.info(
            "snapshot_registered",
            extra={"stream": parts.stream.name, "generation": stored.generation, "rows_loaded": done},
        )
        return stored

    def load(self, stored: StoredSnapshot) -> None:
        """Store every part that is not open yet, and open it; StoppedEarly where the time is over."""
        self._parts.progress.begin(self._parts.stream.name, self._parts.snapshot.rows)
        if not stored.complete:
            store = SnapshotStore(self._parts.database, self._parts.stream, stored, self._parts.reached)
            repeats = Repeats(self._parts.database, self._parts.stream, stored, store, self._parts.insistence)
            try:
                self._load_parts(stored, store, repeats)
            finally:
                repeats.close()
            if stored.sweep is not None and stored.sweep.state != "open":
                self._sweep(stored, store, stored.sweep)
            self._surely(store.open_stream, "opening the stream")
        self._ring(last_of(stored.generation + 1))
        log.info("stream_opened", extra={"stream": self._parts.stream.name, "rows": self._parts.snapshot.rows})

    def _load_parts(self, stored: StoredSnapshot, store: SnapshotStore, repeats: Repeats) -> None:
        looks = not self._parts.snapshot.partial
        waiting: list[StoredPart] = []
        for part in stored.parts:
            if part.state == "open":
                self._parts.progress.advance(part.rows, skipped=True)
                continue
            if not repeats.restored and looks:
                repeats.restore(stored.parts)
            waiting.append(self._loaded(stored, store, part, repeats))
            if looks and not repeats.worth_looking() and part.part < len(stored.parts):
                continue
            if looks:
                repeats.look()
            self._open(store, waiting)
            waiting.clear()

    def _open(self, store: SnapshotStore, waiting: Sequence[StoredPart]) -> None:
        for part in waiting:
            self._parts.reached(Step.LOADER_DUPLICATES_FOUND)
            self._ring(self._surely(partial(store.open_part, part), "opening a part"))
            log.info("snapshot_part_opened", extra={"stream": self._parts.stream.name, "part": part.part})

    def _sweep(self, stored: StoredSnapshot, store: SnapshotStore, part: StoredPart) -> None:
        """What the snapshot of a reload no longer has is deleted by rows of a part of its own."""
        stream = self._parts.stream
        sweep = Sweep(store, stream, stored, part, self._parts.bounds.rows, self._parts.reached)
        for lane in range(stream.lanes):
            self._parts.insistence.pulse(f"{stream.name}, sweeping lane {lane}")
            while self._surely(partial(sweep.lane, lane), "sweeping keys that are gone"):
                self._parts.insistence.pulse(f"{stream.name}, sweeping lane {lane}")
        swept = self._surely(sweep.close, "closing the part of swept keys")
        log.info("keys_swept", extra={"stream": stream.name, "rows": swept})
        self._ring(self._surely(partial(store.open_part, part), "opening the part of swept keys"))

    def _loaded(self, stored: StoredSnapshot, store: SnapshotStore, part: StoredPart, repeats: Repeats) -> StoredPart:
        """`part` with all its lines stored and its file proved."""
        if part.state == "verified":
            self._parts.progress.advance(part.rows, skipped=True)
            return part
        try:
            part = self._read(stored, store, part, repeats)
        except PrefixChanged as changed:
            log.warning("snapshot_part_begins_anew", extra={"stream": self._parts.stream.name, "reason": str(changed)})
            part = self._discarded(store, part)
            repeats.restore(stored.parts)
            part = self._read(stored, store, part, repeats)
        self._surely(lambda: store.verified(part), "closing a part")
        return part

    def _read(self, stored: StoredSnapshot, store: SnapshotStore, part: StoredPart, repeats: Repeats) -> StoredPart:
        self._parts.progress.advance(part.loaded.lines, skipped=True)
        pulse = partial(self._parts.insistence.pulse, f"{self._parts.stream.name}, part {part.part}")
        odd = MalformedLines(part.file, self._parts.snapshot.container)
        with ahead(self._prepared(stored, part), waiting=pulse) as chunks:
            for chunk in chunks:
                pulse()
                odd.add(len(chunk.raw.lines), chunk.malformed)
                part = self._stored(store, part, chunk)
                for lane, keys in chunk.keys.items():
                    repeats.add(lane, keys.hashes, keys.sequences)
                self._parts.progress.advance(len(chunk.raw.lines))
        return part

    def _prepared(self, stored: StoredSnapshot, part: StoredPart) -> Generator[Prepared, None, None]:
        """In the reader's thread: everything that needs no database."""
        snapshot = self._parts.snapshot
        rules = PartRules(
            parse=CONTAINERS[snapshot.container],
            key_of=self._parts.key_of,
            lanes=self._parts.stream.lanes,
            generation=stored.generation,
            part=part.part,
            source_id=part.source_id,
        )
        reader = PartReader(self._parts.folder, snapshot.parts[part.part - 1], snapshot.compression, self._parts.bounds)
        for chunk in reader.chunks(part.loaded):
            yield prepare(chunk, rules)

    def _stored(self, store: SnapshotStore, part: StoredPart, chunk: Prepared) -> StoredPart:
        tried = False

        def once() -> StoredPart:
            nonlocal tried
            if tried:
                now = store.read_again(part)
                if now.loaded == chunk.raw.end:
                    return now  # the answer to the COMMIT was lost, not the COMMIT
                if now.loaded != part.loaded:
                    raise Fenced(f"{part.file} is no longer at line {part.loaded.lines}: another loader")
            tried = True
            return store.write_chunk(part, chunk.raw)

        return self._surely(once, "storing rows")

    def _discarded(self, store: SnapshotStore, part: StoredPart) -> StoredPart:
        """`part` as if nothing of it had been stored."""
        part = self._surely(lambda: store.read_again(part), "reading a part's checkpoint")
        while part.loaded != START:
            self._parts.insistence.pulse(f"{self._parts.stream.name}, part {part.part}")
            part = self._surely(partial(self._discard_some, store, part), "taking back the rows of a part")
        return part

    def _discard_some(self, store: SnapshotStore, part: StoredPart) -> StoredPart:
        return store.discard(store.read_again(part))

    def _ring(self, open_to: int) -> None:
        """After the commit, and never an error: a lane that was not rung is found by the sweeper."""
        stream = self._parts.stream
        self._parts.ring([Doorbell(stream.name, lane, open_to) for lane in range(stream.lanes)])
        self._parts.reached(Step.LOADER_RUNG)
