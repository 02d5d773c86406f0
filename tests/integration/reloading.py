"""A legacy platform that lives on, its real topics, and the real programs: the world in which a stream is reloaded."""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from uuid import uuid4
from zlib import crc32

from db.engine import Database
from db.ledger import Remainder, StreamLedger, ledger, remainders
from db.schema import create_schema, drop_schemas, upgrade
from db.source_positions import positions
from examples.scenario import ExpectedTable
from kafka_log.producer import LogWriter
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import CapturedOffset, LogView
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core.containers.kcat import render
from migration_core.manifest import FILE_NAME, Manifest, Part, StreamSnapshot, TopicOffsets
from migration_core.manifest import render as render_manifest
from migration_core.records import Received
from replay.children import Children
from runtime.retry import patiently
from tests.integration import forked
from tests.integration.evidence import OrderWatch, lanes_and_locks
from tests.servers import own
from tests.waiting import until
from work_queue.attributes import ensure_queue
from work_queue.client import client

PARTITIONS = 2
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_PAUSE_SECONDS = 0.01
_PARTS = 3
_AWAY = timedelta(seconds=30)
_TABLES = """
CREATE TABLE people (id VARCHAR(40) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, source_sequence BIGINT NOT NULL);
CREATE TABLE trips (id VARCHAR(40) NOT NULL PRIMARY KEY, stage VARCHAR(20) NOT NULL, delay INT NULL,
  source_sequence BIGINT NOT NULL)
"""
_MAPPING = """
target_schema: {schema}
streams:
  people:
    topic: {name}.people
    key: $.id
    record_key: $.id
    lanes: 4
    tables:
      people:
        key: id
        columns: {{id: $.id, name: $.name, source_sequence: {{source: sequence}}}}
  trips:
    topic: {name}.trips
    changes: partial
    op: {{path: $.op, merge: [change], delete: [drop]}}
    document: $.body
    key: $.id
    record_key: $.id
    lanes: 4
    tables:
      trips:
        key: id
        columns: {{id: $.id, stage: $.stage, delay: $.delay, source_sequence: {{source: sequence}}}}
"""
Document = dict[str, object]


@dataclass
class Platform:
    """What the legacy platform holds; what it tells of that is in the topics, and not all of it."""

    name: str
    config: dict[str, str]
    held: dict[str, dict[str, Document]] = field(default_factory=lambda: {"people": {}, "trips": {}})
    _lock: Lock = field(default_factory=Lock)
    _over: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def __post_init__(self) -> None:
        self._writer = LogWriter(self.config)

    def put(self, stream: str, key: str, *, told: bool = True, **members: object) -> None:
        """Change members of one document; a member that is None is removed."""
        with self._lock:
            document = {**self.held[stream].get(key, {"id": key}), **members}
            self.held[stream][key] = {name: value for name, value in document.items() if value is not None}
            if told and stream == "people":
                self._tell(stream, key, self.held[stream][key])
            elif told:
                self._tell(stream, key, {"id": key, "op": "change", "body": {"id": key, **members}})

    def remove(self, stream: str, key: str, *, told: bool = True) -> None:
        with self._lock:
            del self.held[stream][key]
            if told:
                self._tell(stream, key, None)

    def export(self, stream: str, folder: Path) -> None:
        """A snapshot of one moment, in parts, with its manifest."""
        with self._lock:
            self._writer.flush()
            topic = f"{self.name}.{stream}"
            vector = self.ends(topic)
            lines = [self._line(topic, stream, key, value) for key, value in self.held[stream].items()]
        folder.mkdir()
        parts = []
        for number in range(_PARTS):
            data = b"".join(lines[number::_PARTS])
            (folder / f"{stream}-{number}").write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            count = len(lines[number::_PARTS])
            size = len(data)
            parts.append(
                Part(file=f"{stream}-{number}", rows=count, bytes=size, decompressed_bytes=size, sha256=digest)
            )
        offsets = tuple(
            TopicOffsets(
                topic=one.topic,
                topic_id=one.topic_id,
                partition=one.partition,
                start_offset=one.offset,
                end_offset=one.offset,
                leader_epoch=one.leader_epoch,
            )
            for one in vector
        )
        snapshot = StreamSnapshot(name=stream, container="kcat", topics=offsets, parts=tuple(parts))
        manifest = Manifest(created_at=datetime.now(UTC), streams=(snapshot,))
        (folder / FILE_NAME).write_text(render_manifest(manifest), encoding="utf-8")

    def live(self) -> None:
        """Change and remove documents of its own, over and over, until `rest`."""
        self._over.clear()
        self._thread = Thread(target=self._run, name="platform", daemon=True)
        self._thread.start()

    def rest(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._writer.flush()

    def flush(self) -> None:
        self._writer.flush()

    def ends(self, *topics: str) -> list[CapturedOffset]:
        """Where the topics end; a broker under load may not know the leaders of new ones yet."""
        view = LogView(self.config)
        return patiently(lambda: view.offsets_now(topics), stop=Event(), what="Kafka", patience=_AWAY)

    def _run(self) -> None:
        number = 0
        while not self._over.wait(_PAUSE_SECONDS):
            number += 1
            key = f"live{number % 25}"
            if number % 7 == 0 and key in self.held["people"]:
                self.remove("people", key)
                continue
            self.put("people", key, name=f"n{number}")
            self.put("trips", key, stage=f"s{number % 5}", delay=number if number % 3 else None)

    def _line(self, topic: str, stream: str, key: str, document: Document) -> bytes:
        value = document if stream == "people" else {"id": key, "op": "change", "body": document}
        record = Received(0, json.dumps({"id": key}).encode(), json.dumps(value).encode(), None, None, 0)
        return render(topic, 0, record, [])

    def _tell(self, stream: str, key: str, value: Document | None) -> None:
        body = None if value is None else json.dumps(value).encode()
        partition = crc32(key.encode()) % PARTITIONS
        self._writer.produce(f"{self.name}.{stream}", body, key=json.dumps({"id": key}).encode(), partition=partition)


@dataclass
class Reloading:
    """What `reloading` opens."""

    folder: Path
    name: str
    database: Database
    platform: Platform
    children: Children
    watch: OrderWatch
    runs: int = 0

    @property
    def target(self) -> str:
        return f"{self.name}_target"

    def begin(self, *streams: str) -> None:
        """The first snapshot of these streams, then the services, while the platform lives on."""
        for stream in streams:
            self.platform.export(stream, self.folder / f"first-{stream}")
            self.migration("snapshot", "load", str(self.folder / f"first-{stream}"))
        self.start("master", "migration_master")
        self.start("worker-1", "migration_worker")
        self.start("worker-2", "migration_worker")
        self.watch.begin()

    def start(self, name: str, module: str) -> None:
        self.children.start(name, module)

    def migration(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """`migration …` in a process of its own, which must end with `code`; what it said, its log left out."""
        self.runs += 1
        log = self.folder / f"migration-{self.runs}.log"
        child = forked.start(arguments, {**self.children.environment, **variables}, log)
        child.join(_PATIENCE_SECONDS)
        said, events = forked.said(log)
        assert child.exitcode == code, f"{arguments} ended with {child.exitcode}: {said}{events}"
        return said if code == 0 else events

    def killed(self, step: str, *arguments: str) -> None:
        """`migration …`, which must kill itself at a step."""
        self.migration(*arguments, code=-signal.SIGKILL, MIGRATION_FAILPOINTS=step)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        until(
            condition,
            lambda: f"{what}; {ledger(self.database)}",
            seconds=_PATIENCE_SECONDS,
            pause=_LOOK_SECONDS,
            meanwhile=self.children.check,
        )

    def until_stored(self) -> None:
        """Everything that was told so far is in raw."""
        self.platform.flush()
        vector = self.platform.ends(f"{self.name}.people", f"{self.name}.trips")
        ends = {(one.topic, one.partition): one.offset for one in vector}

        def stored() -> bool:
            found = positions(self.database)
            return all(found[place] >= end for place, end in ends.items() if place in found)

        self.until(stored, "storing what was told")

    def until_drained(self) -> None:
        self.until_stored()
        self.until(
            lambda: all(
                one.stream_open and not one.pending and not one.lanes_with_work
                for one in ledger(self.database)
                if one.received
            ),
            "draining",
        )

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.database.transaction() as session:
            return session.rows(sql.replace("{target}", self.target))

    def ledger(self, stream: str) -> StreamLedger:
        return next(one for one in ledger(self.database) if one.stream == stream)

    def expect_equal(self) -> None:
        """The platform rests; then the copy holds what it holds, and nothing else is left behind."""
        self.platform.rest()
        self.expect_same()
        assert self.watch.end() == []
        self.children.stop()
        until(
            lambda: not lanes_and_locks(self.database),  # the server may still be ending a session
            lambda: lanes_and_locks(self.database),
            pause=0.2,
        )

    def expect_same(self) -> None:
        """While the platform rests: the copy holds what it holds, and every ledger adds up."""
        self.until_drained()
        people = dict(self.rows("SELECT id, name FROM {target}.people"))
        _expect_held("people", people, {key: one["name"] for key, one in self.platform.held["people"].items()})
        trips = {id_: (stage, delay) for id_, stage, delay in self.rows("SELECT id, stage, delay FROM {target}.trips")}
        if self.ledger("trips").received:
            held = {key: (one["stage"], one.get("delay")) for key, one in self.platform.held["trips"].items()}
            _expect_held("trips", trips, held)
        assert left(remainders(self.database)) == []
        assert self.rows("SELECT * FROM reject") == []


def _expect_held(table: str, rows: dict[object, object], held: dict[object, object]) -> None:
    wrong = sorted(str(key) for key in rows.keys() | held.keys() if rows.get(key) != held.get(key))
    told = [(key, rows.get(key), held.get(key)) for key in wrong[:5]]
    assert not wrong, f"{len(wrong)} rows of {table} differ, such as (key, is, must be) {told}"


def left(found: list[Remainder]) -> list[Remainder]:
    """The ledgers that do not add up."""
    return [one for one in found if one.total]


@contextmanager
def reloading(servers: Servers, folder: Path) -> Iterator[Reloading]:
    """Everything under names of its own, and gone afterwards."""
    name = f"r{uuid4().hex[:12]}"
    url = own.schema_url(servers, name)
    create_schema(url, f"{name}_target")
    database = Database(url, pool_size=2)
    config = {"bootstrap.servers": servers.kafka_bootstrap}
    sqs = client(own.REGION, endpoint=servers.sqs_endpoint)
    queue_url = ensure_queue(sqs, f"{name}.fifo")
    mapping = folder / "migration.yaml"
    mapping.write_text(_MAPPING.format(schema=f"{name}_target", name=name), encoding="utf-8")
    environment = {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
        "SQS_QUEUE_URL": queue_url,
        "AWS_REGION": own.REGION,
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        "MIGRATION_CONFIG": str(mapping),
        "HTTP_PORT": "0",
        "HTTP_HOST": "127.0.0.1",
    }
    admin = TopicAdmin(config)
    for stream in ("people", "trips"):
        admin.create(f"{name}.{stream}", partitions=PARTITIONS)
    children = Children(environment, folder / "logs")
    tables = [ExpectedTable(table, table, ("id",), ("id",)) for table in ("people", "trips")]
    world = Reloading(
        folder, name, database, Platform(name, config), children, OrderWatch(database, f"{name}_target", tables)
    )
    try:
        upgrade(database)
        register_streams(database, mapping)
        with database.transaction() as session:
            for statement in _TABLES.split(";"):
                session.execute(
                    statement.replace("CREATE TABLE ", f"CREATE TABLE {world.target}.") + " COLLATE utf8mb4_0900_bin"
                )
        yield world
    finally:
        world.platform.rest()
        children.stop()
        sqs.delete_queue(QueueUrl=queue_url)
        sqs.close()
        database.close()
        drop_schemas(url, name, world.target)
        for stream in ("people", "trips"):
            admin.delete(f"{name}.{stream}")
