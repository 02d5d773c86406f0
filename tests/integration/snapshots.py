"""A control schema, a snapshot folder and a loader of a test's own, and what the folder says must be stored."""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from zlib import crc32

from db.engine import Database
from db.registry import StreamDefinition, register, registered
from migration_core.doorbell import Doorbell
from migration_core.errors import MigrationError
from migration_core.manifest import FILE_NAME, Manifest, Part, StreamSnapshot, TopicOffsets, parse, render
from migration_core.sequence import pack, snapshot_number
from migration_core.steps import Reached, Step, nothing
from runtime.mapping_file import compiled
from snapshot_loader.loading import LoadParts, StreamLoad
from snapshot_loader.progress import SpokenProgress
from snapshot_loader.reading import Bounds
from snapshot_loader.stopping import Insistence
from tests.integration import forked
from tests.unit.snapshot_parts import compress, part_of

LANES = 8
BOUNDS = Bounds(rows=20, bytes=500)
MAPPING = """
target_schema: nowhere
streams:
  users:
    topic: {topic}
    format: json
    key: $.id
    lanes: {lanes}
    {options}
    tables:
      users:
        key: id
        columns: {{id: $.id, n: {{path: $.n, type: int}}}}
"""


def line(number: int, *, key: int | None = None, text: str = "x" * 40) -> bytes:
    """One document of user `key`."""
    return json.dumps({"id": f"u{number if key is None else key}", "n": number, "text": text}).encode()


@dataclass
class SnapshotCase:
    """One stream `users` of one topic, its folder, and loads of it."""

    url: str
    database: Database
    folder: Path
    mapping: Path
    topic: str = "legacy.users"
    partial: bool = False
    bells: list[Doorbell] = field(default_factory=list)

    def register(self, topic: str | None = None) -> None:
        """Write the mapping and register its stream."""
        self.topic = topic or self.topic
        options = "changes: partial" if self.partial else ""
        self.mapping.write_text(MAPPING.format(topic=self.topic, lanes=LANES, options=options), encoding="utf-8")
        mapping = compiled(self.mapping)
        for name, stream in mapping.streams.items():
            definition = StreamDefinition(name, stream.lanes, stream.key_version, stream.partial, mapping.hash)
            register(self.database, definition)

    def write(
        self, *parts: Sequence[bytes], compression: str = "none", container: str = "ndjson", **changes: Any
    ) -> Manifest:
        """The folder with these lines."""
        entries = []
        for number, lines in enumerate(parts, start=1):
            data = b"".join(one + b"\n" for one in lines)
            stored = compress(data, compression)
            (self.folder / f"users-{number}").write_bytes(stored)
            entries.append(part_of(f"users-{number}", stored, data))
        return self.write_manifest(tuple(entries), compression=compression, container=container, **changes)

    def write_manifest(self, parts: tuple[Part, ...], **changes: Any) -> Manifest:
        """The manifest for these parts."""
        offsets = TopicOffsets(
            topic=self.topic, topic_id="id-of-topic", partition=0, start_offset=5, end_offset=9, leader_epoch=2
        )
        known = {"container": "ndjson", "partial": self.partial, "topics": (offsets,)}
        stream = StreamSnapshot(name="users", parts=parts, **known | changes)
        manifest = Manifest(created_at=datetime(2026, 1, 1, tzinfo=UTC), streams=(stream,))
        (self.folder / FILE_NAME).write_text(render(manifest), encoding="utf-8")
        return manifest

    def load_of(self, reached: Reached = nothing, stop: Event | None = None, bounds: Bounds = BOUNDS) -> StreamLoad:
        """A load of the folder as it is now."""
        snapshot = parse((self.folder / FILE_NAME).read_bytes(), file=FILE_NAME).streams[0]
        return StreamLoad(
            LoadParts(
                database=self.database,
                folder=self.folder,
                snapshot=snapshot,
                stream=registered(self.database, "users"),
                key_of=compiled(self.mapping).streams["users"].key_of,
                ring=self.bells.extend,
                insistence=Insistence(stop or Event()),
                progress=SpokenProgress(),
                reached=reached,
                bounds=bounds,
            )
        )

    def load(self, reached: Reached = nothing, stop: Event | None = None, bounds: Bounds = BOUNDS) -> None:
        """Register and load."""
        load = self.load_of(reached, stop, bounds)
        load.load(load.register())

    def load_killed_at(self, step: Step, passing: int) -> bool:
        """In a process of its own, which kills itself there; whether it came so far."""
        child = forked.CONTEXT.Process(target=_load_in_child, args=(self.url, self.folder, self.mapping, step, passing))
        child.start()
        child.join(120)
        if child.exitcode == -signal.SIGKILL:
            return True
        assert child.exitcode == 0
        return False

    def rows(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.database.transaction() as session:
            return session.rows(sql, args)

    def open_to(self) -> set[int]:
        """The barriers of all lanes."""
        return {row[0] for row in self.rows("SELECT open_to FROM lane_progress")}

    def stored(self) -> list[tuple[Any, ...]]:
        """All raw rows, in sequence."""
        return self.rows(
            "SELECT lane, sequence, source_offset, entity_key, record_key, value, headers, time, time_type, flags "
            "FROM raw_users ORDER BY sequence"
        )

    def expect_complete(self, *parts: Sequence[bytes]) -> None:
        """Exactly these ndjson lines are stored, counted and open."""
        assert self.stored() == list(expected(parts))
        heads = self.rows("SELECT lane, head, `rows` FROM lane_head WHERE `rows` > 0 ORDER BY lane")
        assert heads == self.rows("SELECT lane, MAX(sequence), COUNT(*) FROM raw_users GROUP BY lane ORDER BY lane")
        assert self.open_to() == {pack(3, 0) - 1}
        assert self.rows("SELECT DISTINCT state FROM snapshot_part") == [("open",)]
        assert self.rows("SELECT state, completed_at IS NULL FROM snapshot") == [("complete", 0)]
        assert self.rows("SELECT kind, opened_at IS NULL FROM stream_generation ORDER BY generation") == [
            ("snapshot", 0),
            ("stream", 0),
        ]


def expected(parts: Sequence[Sequence[bytes]]) -> Iterator[tuple[Any, ...]]:
    """What must be stored of good ndjson lines, worked out by other means than the loader's."""
    for part, lines in enumerate(parts, start=1):
        for number, value in enumerate(lines, start=1):
            key = json.dumps([json.loads(value)["id"]]).encode()
            place = pack(1, snapshot_number(part, number))
            yield crc32(key) % LANES, place, number, key, None, value, None, None, 0, 0


def end_of(part: int) -> int:
    """The barrier behind a part."""
    return pack(1, snapshot_number(part + 1, 0)) - 1


def killing(step: Step, passing: int, act: Callable[[], None]) -> Reached:
    """Do `act` at one pass of one step."""
    left = [passing]

    def reached(now: Step) -> None:
        if now is step:
            left[0] -= 1
            if left[0] == 0:
                act()

    return reached


def sha256(data: bytes) -> str:
    """As a manifest writes it."""
    return hashlib.sha256(data).hexdigest()


def _load_in_child(url: str, folder: Path, mapping: Path, step: Step, passing: int) -> None:
    import os  # noqa: PLC0415 - of the child alone

    database = Database(url)
    case = SnapshotCase(url, database, folder, mapping)
    try:
        case.load(killing(step, passing, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    except MigrationError as error:
        raise SystemExit(str(error)) from error
