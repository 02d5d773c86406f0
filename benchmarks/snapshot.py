"""From snapshot files to raw rows: the real loader against LOAD DATA of the same lines, made beforehand."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import direct
from benchmarks.processor import ServerTime, per_100_000
from benchmarks.progress import until
from benchmarks.records import record
from benchmarks.services import Services, Usage, services
from benchmarks.side import Against, Side
from benchmarks.stage import MAPPING, PARTITIONS, STREAM, Stage
from db import raw
from db.bulk import Bulk, quoted
from db.engine import Database
from migration_core import manifest, sequence
from migration_core.errors import MigrationError
from migration_core.lane import lane_of
from migration_core.records import Received
from replay.children import Child
from runtime.mapping_file import compiled

_PART_ROWS = 100_000
_DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Loading:
    """What one snapshot came to; both rates are of this run."""

    rows: int
    loader: Side
    """From the first stored row until the stream is open; the start of the program is not counted."""
    direct: Against
    """LOAD DATA over one connection."""
    usage: Usage


def loading(stage: Stage, rows: int, *, folder: Path, logs: Path) -> Loading:
    """Measure both ways, and prove that they left the same raw rows."""
    database = stage.begin()
    bulk, lines = Bulk(quoted(raw.table_of(_DIRECT)), raw.COLUMNS, binary=True), list(_lines(rows))
    try:
        _write(stage, rows, folder)
        with database.transaction() as session:
            session.execute(raw.definition(_DIRECT))
        before = direct.load(stage.url, bulk, [lines])
        given = {"SNAPSHOT_DIR": str(folder)}
        with stage.environment() as variables, services(variables | given, logs) as running:
            loader = _load(database, rows, running)
        after = direct.load(stage.url, bulk, [lines])
        _compare(database)
        return Loading(rows, loader, Against(before, after), running.usage["loader"])
    finally:
        database.close()


def _load(database: Database, rows: int, running: Services) -> Side:
    server, loader = ServerTime(database), running.launch("loader", "snapshot_loader")
    alive = partial(_not_failed, loader)
    first = until(database, alive, lambda one: one.received > 0)
    taken, client = server.seconds(), running.processor_seconds()
    last = until(database, alive, lambda one: one.received == rows and one.open_lanes > 0)
    side = Side(
        (rows - first.received) / (last.moment - first.moment),
        (running.processor_seconds() - client) * 100_000 / (rows - first.received),
        per_100_000(taken, server.seconds(), rows - first.received),
    )
    loader.process.wait()
    running.children.running.remove(loader)
    return side


def _not_failed(loader: Child) -> None:
    """It leaves by itself when all is loaded."""
    if loader.process.poll():
        raise MigrationError(f"the loader failed; see {loader.log}:\n{loader.last_words()}")


def _write(stage: Stage, rows: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = tuple(_part(folder, first, min(_PART_ROWS, rows - first)) for first in range(0, rows, _PART_ROWS))
    snapshot = manifest.StreamSnapshot(name=STREAM, container="ndjson", topics=stage.offsets(), parts=parts)
    whole = manifest.Manifest(created_at=datetime.now(UTC), streams=(snapshot,))
    (folder / manifest.FILE_NAME).write_text(manifest.render(whole), encoding="utf-8")


def _part(folder: Path, first: int, count: int) -> manifest.Part:
    name = f"{STREAM}-{first // _PART_ROWS + 1:05d}.ndjson"
    digest, size = hashlib.sha256(), 0
    with (folder / name).open("wb") as file:
        for entity in range(first, first + count):
            line = record(entity, entity) + b"\n"
            file.write(line)
            digest.update(line)
            size += len(line)
    return manifest.Part(file=name, rows=count, bytes=size, decompressed_bytes=size, sha256=digest.hexdigest())


def _lines(rows: int) -> Iterator[bytes]:
    """The raw rows of the snapshot as LOAD DATA lines, exactly as the loader must store them."""
    stream = compiled(MAPPING).streams[STREAM]
    for entity in range(rows):
        part, number = entity // _PART_ROWS + 1, entity % _PART_ROWS + 1
        value = record(entity, entity)
        key = stream.key_of(None, value)
        place = sequence.pack(1, sequence.snapshot_number(part, number))
        source_id = PARTITIONS + part  # partitions are registered before parts
        received = Received(number, None, value, None, None, 0)
        yield raw.line(lane_of(key, stream.lanes), place, source_id, received, key)


def _compare(database: Database) -> None:
    """Both tables hold the same rows, or the rates mean nothing."""
    columns = ", ".join(f"COALESCE(CONVERT({quoted(name)} USING binary), '-')" for name in raw.COLUMNS)
    with database.transaction() as session:
        found = [
            session.one(
                f"SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('|', {columns}))) FROM {quoted(raw.table_of(name))}"  # noqa: S608 - identifiers of this benchmark
            )
            for name in (STREAM, _DIRECT)
        ]
    if found[0] != found[1]:
        raise MigrationError(f"the loader and the direct way left different rows: {found}")
