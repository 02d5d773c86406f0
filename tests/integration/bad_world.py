"""Streams that get the same inputs: each format by topic, and by kcat lines and plain lines, compressed and not."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from db.bulk import qualified, quoted
from db.engine import Database
from db.ledger import Remainder, StreamLedger, ledger, remainders
from db.reject_places import reject_places
from db.source_positions import positions
from kafka_log.producer import LogWriter
from kafka_log.watermarks import LogView
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core.containers.kcat import render as kcat_line
from migration_core.manifest import FILE_NAME, Manifest, Part, StreamSnapshot, TopicOffsets, render
from migration_core.records import Received
from replay.children import Children
from tests.integration.bad_input import CASES, WIDE
from tests.integration.inputs import (
    DEBEZIUM,
    JSON,
    KCAT,
    KCAT_ZSTD,
    NDJSON,
    NDJSON_GZIP,
    STREAM,
    STRICT,
    Case,
    Sent,
    compression_of,
    container_of,
    image,
)
from tests.servers import own
from tests.servers.schemas import control_schema
from tests.unit.snapshot_parts import compress
from tests.waiting import until

WAYS = [
    *((format_, way) for format_ in (JSON, DEBEZIUM) for way in (STREAM, KCAT, NDJSON, KCAT_ZSTD, NDJSON_GZIP)),
    *((STRICT, way) for way in (STREAM, KCAT)),
]
COLUMNS = (
    "needed", "text", "tidy", "tiny", "legacy", "lang", "n", "lax", "big", "ubig", "amount", "ratio", "flag", "day",
    "at", "stamp", "epoch", "kind", "parent", "sent", "extra",
)  # fmt: skip
_LONGEST_RECORD = 60_000
_WITHIN_SECONDS = 120
_SIZE = ", ".join(f"c{number} VARCHAR(40) CHARACTER SET latin1 NOT NULL DEFAULT ''" for number in range(WIDE))
_TABLES = f"""
CREATE TABLE {{target}}.parents (id BIGINT NOT NULL PRIMARY KEY);
CREATE TABLE {{target}}.{{name}} (
  id VARCHAR(512) NOT NULL PRIMARY KEY, needed VARCHAR(10) NOT NULL, text VARCHAR(20), tidy VARCHAR(20), tiny TINYTEXT,
  legacy VARCHAR(20) CHARACTER SET utf8mb3, lang VARCHAR(10), n INT, lax INT, big BIGINT, ubig BIGINT UNSIGNED,
  amount DECIMAL(10, 2), ratio DOUBLE, flag TINYINT, day DATE, at DATETIME(6), stamp TIMESTAMP NULL, epoch DATETIME(3),
  kind ENUM('a', 'b'), parent BIGINT, sent BIGINT, extra JSON, source_sequence BIGINT NOT NULL, CHECK (n <> 13),
  FOREIGN KEY (parent) REFERENCES {{target}}.parents (id)) COLLATE utf8mb4_0900_bin;
CREATE TABLE {{target}}.{{name}}_wide (item_id VARCHAR(512) NOT NULL, part INT NOT NULL, {_SIZE},
  PRIMARY KEY (item_id, part)) COLLATE utf8mb4_0900_bin
"""
_COLUMN = {
    "tidy": "{path: $.tidy, control: reject}",
    "lang": "{path: $.lang, default: en}",
    "lax": "{path: $.lax, coerce: true}",
    "flag": "{path: $.flag, type: bool}",
    "at": "{path: $.at, type: iso8601}",
    "stamp": "{path: $.stamp, type: iso8601}",
    "epoch": "{path: $.epoch, type: epoch_ms}",
    "kind": "{path: $.kind, type: enum}",
    "sent": "{source: time}",
}


@dataclass(frozen=True, slots=True)
class Planted:
    """One record where it was sent: `place` is its offset, or its line."""

    place: int
    key: bytes | None
    value: bytes | None
    code: str | None
    time: int | None = None


@dataclass
class BadWorld:
    """Everything sent and applied; the rest is looking."""

    database: Database
    target: str
    planted: dict[str, list[Planted]] = field(default_factory=dict)
    """By stream, in the order sent."""
    neighbours: dict[str, list[str]] = field(default_factory=dict)
    """By stream, the ids of good records before, between and behind the cases."""
    places: dict[tuple[str, str], range] = field(default_factory=dict)
    """{(stream, case): its places among `planted`}."""

    def rejects(self, stream: str) -> dict[int, str]:
        """{offset or line: code}."""
        return {place: code for name, _, _, place, code in reject_places(self.database) if name == stream}

    def rows(self, stream: str) -> dict[str, dict[str, object]]:
        """{id: row}; dates and times as MySQL writes them."""
        names = [
            f"CAST({quoted(name)} AS CHAR)" if name in ("day", "at", "stamp", "epoch") else quoted(name)
            for name in COLUMNS
        ]
        with self.database.transaction() as session:
            found = session.rows(f"SELECT id, {', '.join(names)} FROM {qualified(self.target, stream)}")
        rows = {id_: dict(zip(COLUMNS, row, strict=True)) for id_, *row in found}
        for row in rows.values():
            row["extra"] = json.loads(str(row["extra"])) if row["extra"] is not None else None
        return rows

    def raw(self, stream: str) -> list[tuple[int, bytes | None, bytes | None]]:
        """(offset or line, key, value) of every raw row."""
        with self.database.transaction() as session:
            return session.rows(
                f"SELECT source_offset, record_key, value FROM {quoted('raw_' + stream)} ORDER BY sequence"
            )

    def ledger(self, stream: str) -> StreamLedger:
        return next(one for one in ledger(self.database) if one.stream == stream)

    def remainders(self) -> list[Remainder]:
        return [one for one in remainders(self.database) if one.total]


def cases_of(format_: str, way: str) -> list[Case]:
    """What this way can carry."""
    return [case for case in CASES if case.carried_by(format_, way)]


@contextmanager
def bad_world(servers: Servers, folder: Path) -> Iterator[BadWorld]:
    """Send everything to everybody, apply it by the real programs, and keep the tables for looking."""
    with control_schema(servers) as url, own.topics(servers) as topic, own.fifo_queue(servers) as queue_url:
        database, target = Database(url, pool_size=2), own.fresh("target")
        world = BadWorld(database, target)
        # Brokers refuse times of the far future, unless their topic says otherwise.
        days = {"message.timestamp.after.max.ms": str((1 << 63) - 1)}
        topics = {f"{format_}_{way}": topic(f"{format_}_{way}", config=days) for format_, way in WAYS}
        config = {"bootstrap.servers": servers.kafka_bootstrap}
        with own.dropped_afterwards(servers, target):
            mapping = _prepare(world, topics, folder)
            register_streams(database, mapping)
            _send(world, topics, config, folder)
            environment = {
                "DATABASE_URL": url,
                "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
                "SQS_QUEUE_URL": queue_url,
                "AWS_REGION": own.REGION,
                "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
                "MIGRATION_CONFIG": str(mapping),
                "SNAPSHOT_DIR": str(folder),
                "HTTP_PORT": "0",
                "HTTP_HOST": "127.0.0.1",
            }
            _apply(world, Children(environment, folder / "logs"), config)
            yield world
        database.close()


def _prepare(world: BadWorld, topics: dict[str, str], folder: Path) -> Path:
    with world.database.transaction() as session:
        session.execute(f"CREATE DATABASE {quoted(world.target)} COLLATE utf8mb4_0900_bin")
        # Off, MySQL lets a table be made whose full rows it then refuses.
        session.execute("SET SESSION innodb_strict_mode = 0")
        for name in topics:
            for statement in (
                _TABLES.format(target=quoted(world.target), name=quoted(name)).replace("`_wide", "_wide`").split(";")
            ):
                session.execute(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
            if name.startswith(STRICT):
                table = qualified(world.target, name)
                session.execute(f"ALTER TABLE {table} ADD COLUMN login VARCHAR(10), ADD UNIQUE KEY uq_login (login)")
    columns = "".join(f"\n          {name}: {_COLUMN.get(name, '$.' + name)}" for name in COLUMNS if name != "extra")
    wide = "".join(f", c{number}: $.c{number}" for number in range(WIDE))
    streams = "".join(
        f"""
  {format_}_{way}:
    topic: {topics[f"{format_}_{way}"]}
    format: {JSON if format_ == STRICT else format_}
    lanes: 1
    longest_record: {_LONGEST_RECORD}
    key: $.id{"" if container_of(way) == NDJSON else chr(10) + "    record_key: $.id"}
    tables:
      {format_}_{way}:
        key: id
        rest: extra
        columns:
          id: $.id{columns}{chr(10) + "          login: $.login" if format_ == STRICT else ""}
          source_sequence: {{source: sequence}}
      {format_}_{way}_wide:
        each: $.wide[*]
        key: [item_id, part]
        columns: {{item_id: $^.id, part: $.part{wide}}}"""
        for format_, way in WAYS
    )
    mapping = folder / "migration.yaml"
    mapping.write_text(f"target_schema: {world.target}\nstreams:{streams}\n", encoding="utf-8")
    return mapping


def _send(world: BadWorld, topics: dict[str, str], config: dict[str, str], folder: Path) -> None:
    described = LogView(config).describe(topics.values())
    snapshots = []
    writer = LogWriter(config)
    for format_, way in WAYS:
        stream = f"{format_}_{way}"
        lines = _planted(world, stream, format_, way)
        if way == STREAM:
            for planted in world.planted[stream]:
                writer.produce(topics[stream], planted.value, key=planted.key, partition=0, time=planted.time)
            lines = []
        data = b"".join(lines)
        # Two members: a border between them stands in the middle of a line.
        stored = b"".join(
            compress(half, compression_of(way)) for half in (data[: len(data) // 2], data[len(data) // 2 :])
        )
        (folder / stream).write_bytes(stored)
        snapshots.append(
            StreamSnapshot(
                name=stream,
                container=KCAT if way == STREAM else container_of(way),
                compression="none" if way == STREAM else compression_of(way),
                topics=(
                    TopicOffsets(
                        topic=topics[stream],
                        topic_id=described[topics[stream]].topic_id,
                        partition=0,
                        start_offset=0,
                        end_offset=0,
                    ),
                ),
                parts=(
                    Part(
                        file=stream,
                        rows=data.count(b"\n"),
                        bytes=len(stored),
                        decompressed_bytes=len(data),
                        sha256=hashlib.sha256(stored).hexdigest(),
                    ),
                ),
            )
        )
    writer.close()
    manifest = Manifest(created_at=datetime(2026, 1, 1, tzinfo=UTC), streams=tuple(snapshots))
    (folder / FILE_NAME).write_text(render(manifest), encoding="utf-8")


def _planted(world: BadWorld, stream: str, format_: str, way: str) -> list[bytes]:
    """Fill `planted` with the cases and a good record before and behind each; the lines of a part."""
    planted = world.planted[stream] = []
    neighbours = world.neighbours[stream] = []
    first = 0 if way == STREAM else 1
    lines = []

    def put(sent: Sent) -> None:
        value = sent.value(format_)
        planted.append(Planted(first + len(planted), sent.key, value, sent.code, sent.time))
        lines.append(_line(way, sent.key, value, sent.time))

    def neighbour() -> None:
        neighbours.append(f"good-{len(neighbours)}")
        put(image(neighbours[-1], f'"n": {100 + len(neighbours)}'))

    neighbour()
    for case in cases_of(format_, way):
        begun = len(planted)
        for sent in case.sent:
            put(sent)
        if case.lines:
            del lines[begun:]
            lines += [one + b"\n" for one in case.lines[container_of(way)].split(b"\n")]
            planted[begun:] = [
                Planted(first + begun + n, None, one[:-1], case.sent[n].code) for n, one in enumerate(lines[begun:])
            ]
        world.places[stream, case.name] = range(begun, len(planted))
        neighbour()
    return lines


def _line(way: str, key: bytes | None, value: bytes | None, time: int | None) -> bytes:
    if container_of(way) == KCAT:
        return kcat_line("legacy", 0, Received(0, key, value, None, time, 1))
    return (value or b"") + b"\n"


def _apply(world: BadWorld, children: Children, config: dict[str, str]) -> None:
    """All of it is stored before the first worker comes, so that it finds good and bad rows in one batch."""
    try:
        children.run("loader", "snapshot_loader")
        children.start("master", "migration_master")
        ends = {place: mark.high for place, mark in LogView(config).watermarks(positions(world.database)).items()}
        until(lambda: positions(world.database) == ends, "all is stored", meanwhile=children.check)
        children.start("worker", "migration_worker")
        until(
            lambda: not any(one.pending or one.parked or one.lanes_with_work for one in ledger(world.database)),
            lambda: f"all is applied; {ledger(world.database)}",
            seconds=_WITHIN_SECONDS,
            meanwhile=children.check,
        )
    finally:
        children.stop()
