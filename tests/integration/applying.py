"""A control schema, a processed schema and a queue of a test's own, with raw rows put in as the master would."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from db import lanes
from db.apply import Limits, StreamParts
from db.engine import Database
from db.ingest import IngestStore, PartitionRows
from db.ledger import Remainder, StreamLedger, ledger, remainders
from db.schema import create_schema, drop_schemas
from db.target_health import HealthWatch
from local_stack.servers import Servers
from migration_core.doorbell import Doorbell
from migration_core.errors import Rejected
from migration_core.lane import lane_of
from migration_core.mapping import CompiledMapping
from migration_core.records import Received
from migration_core.steps import Reached, nothing
from migration_worker.brake import Brake
from migration_worker.lane_work import LaneWork
from migration_worker.opening import open_mapping, open_streams
from runtime.mapping_file import compiled
from tests.integration import forked
from tests.integration.forked import Forked
from tests.integration.open_streams import register_open
from tests.servers.schemas import control_schema
from tests.waiting import until
from work_queue.attributes import ensure_queue
from work_queue.client import client
from work_queue.queue import WorkQueue

_REGION = "us-east-1"
_WITHIN_SECONDS = 60
_TABLES = """
CREATE TABLE people (id VARCHAR(40) NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, age TINYINT UNSIGNED NULL,
  extra JSON NULL, source_sequence BIGINT NOT NULL, CONSTRAINT grown CHECK (age <> 13));
CREATE TABLE phones (person_id VARCHAR(40) NOT NULL, number VARCHAR(20) NOT NULL, source_sequence BIGINT NOT NULL,
  PRIMARY KEY (person_id, number));
CREATE TABLE logins (id VARCHAR(40) NOT NULL PRIMARY KEY, login VARCHAR(40) NOT NULL, source_sequence BIGINT NOT NULL,
  UNIQUE KEY uq_login (login));
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
    filter: {{path: $.hidden, equals: [true]}}
    tables:
      people:
        key: id
        columns: {{id: $.id, name: $.name, age: $.age, source_sequence: {{source: sequence}}}}
        rest: extra
      phones:
        each: $.phones[*]
        key: [person_id, number]
        columns: {{person_id: $^.id, number: $.number, source_sequence: {{source: sequence}}}}
  logins:
    topic: {name}.logins
    key: $.id
    record_key: $.id
    lanes: 4
    tables:
      logins:
        key: id
        columns: {{id: $.id, login: $.login, source_sequence: {{source: sequence}}}}
  trips:
    topic: {name}.trips
    changes: partial
    op: {{path: $.op, image: [set], merge: [change], delete: [drop]}}
    document: $.body
    key: $.id
    record_key: $.id
    lanes: 4
    tables:
      trips:
        key: id
        columns: {{id: $.id, stage: $.stage, delay: $.delay, source_sequence: {{source: sequence}}}}
"""

Record = tuple[str, bytes | None]
"""(id in the record key, value)."""


@dataclass(slots=True)
class Applying:
    """One test's world; `put` stores rows, `work` applies them in this process, `start` runs the real program."""

    name: str
    url: str
    database: Database
    mapping_file: Path
    mapping: CompiledMapping
    queue_url: str
    queue: WorkQueue
    environment: dict[str, str]
    running: list[Forked] = field(default_factory=list)
    mapping_text: str = field(init=False)
    """What the file said first; a test may write another."""

    def __post_init__(self) -> None:
        self.mapping_text = self.mapping_file.read_text(encoding="utf-8")

    @property
    def target(self) -> str:
        return self.mapping.target_schema

    def put(self, stream: str, records: Iterable[Record]) -> None:
        """Store records of one stream behind what it has, in one transaction, and ring nobody."""
        store = IngestStore(self.database)
        (source,) = store.take_over([stream])
        compiled_stream = self.mapping.streams[stream]
        rows = []
        for number, (key, value) in enumerate(records):
            record_key = json.dumps({"id": key}).encode()
            received = Received(source.next_offset + number, record_key, value, None, 1_700_000_000_000 + number, 0)
            try:
                entity = compiled_stream.key_of(record_key, value)
            except Rejected:
                entity = None
            rows.append((0 if entity is None else lane_of(entity, compiled_stream.lanes), entity, received))
        end = source.next_offset + len(rows)
        store.commit([PartitionRows(source, source.next_offset, end, None, rows)])

    def work(self, reached: Reached = nothing, *, rows: int = 4000, database: Database | None = None) -> LaneWork:
        """The worker's own parts in this process; a `database` of its own may break without breaking the test's."""
        database = database or self.database
        mapping = open_mapping(database, self.mapping_file)
        streams = open_streams(database, mapping, version="test", reached=reached)
        brake = Brake(database, HealthWatch(database))
        return LaneWork(database, streams, Limits(rows=rows), brake)

    def parts(self, stream: str) -> StreamParts:
        return self.work().streams[stream].parts

    def drain(self, *, rows: int = 4000) -> None:
        """Apply everything that is there."""
        work = self.work(rows=rows)
        every = [(stream, lane) for stream in self.mapping.streams for lane in range(4)]
        work.apply(every)  # an empty lane too: its watermark may pass a barrier
        while looks := work.ready(every):
            work.apply({(look.stream, look.lane) for look in looks})

    def ring(self) -> None:
        """One doorbell for every lane."""
        bells = [Doorbell(stream, lane, 1) for stream in self.mapping.streams for lane in range(4)]
        assert not self.queue.ring(bells)

    def start(self, **variables: str) -> Forked:
        """The real worker, in the background."""
        log = self.mapping_file.parent / f"worker-{len(self.running)}.log"
        process = forked.service("migration_worker", {**self.environment, **variables}, log)
        self.running.append(process)
        return process

    def until_drained(self) -> None:
        """Wait until every row has an outcome."""
        until(
            lambda: not any(one.pending or one.lanes_with_work for one in ledger(self.database)),
            lambda: f"every row has an outcome; {ledger(self.database)}",
            seconds=_WITHIN_SECONDS,
            pause=0.05,
        )

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()

    def rows(self, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        """Rows of any query; {target} stands for the processed schema."""
        with self.database.transaction() as session:
            return session.rows(sql.replace("{target}", self.target), arguments)

    def ledger(self, stream: str) -> StreamLedger:
        return next(one for one in ledger(self.database) if one.stream == stream)

    def lanes_with_work(self, stream: str) -> list[int]:
        with self.database.transaction() as session:
            return sorted(look.lane for look in lanes.with_work(session, [self.parts(stream).registered.stream_id]))

    def remainders(self) -> list[Remainder]:
        return [one for one in remainders(self.database) if one.total]

    def rejects(self, stream: str) -> list[tuple[object, ...]]:
        """(offset, stage, code, field path) of every reject, in order of offsets."""
        return self.rows(
            "SELECT r.source_offset, p.stage, p.code, p.field_path FROM reject r "
            "JOIN reject_pattern p USING (pattern_id) JOIN stream s ON s.stream_id = r.stream_id "
            "WHERE s.name = %s ORDER BY r.source_offset",
            stream,
        )


def doc(**members: object) -> bytes:
    """A JSON document."""
    return json.dumps(members).encode()


def person(id_: str, name: str = "n", phones: Sequence[str] = (), **members: object) -> Record:
    """A good image of a person."""
    return id_, doc(id=id_, name=name, phones=[{"number": number} for number in phones], **members)


@contextmanager
def applying(servers: Servers, folder: Path) -> Iterator[Applying]:
    """Everything fresh, and gone afterwards."""
    with control_schema(servers) as url, _applying(servers, url, folder) as world:
        yield world


@contextmanager
def _applying(servers: Servers, url: str, folder: Path) -> Iterator[Applying]:
    name = f"t{uuid4().hex[:12]}"
    target = f"{name}_target"
    create_schema(url, target)
    database = Database(url, applies_lanes=True)
    mapping_file = folder / "migration.yaml"
    mapping_file.write_text(_MAPPING.format(schema=target, name=name))
    sqs = client(_REGION, endpoint=servers.sqs_endpoint)
    queue_url = ensure_queue(sqs, f"{name}.fifo")
    environment = {
        "DATABASE_URL": url,
        "SQS_QUEUE_URL": queue_url,
        "AWS_REGION": _REGION,
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        "MIGRATION_CONFIG": str(mapping_file),
        "HTTP_PORT": "0",
        "HTTP_HOST": "127.0.0.1",
    }
    world = Applying(
        name, url, database, mapping_file, compiled(mapping_file), queue_url, WorkQueue(sqs, queue_url), environment
    )
    try:
        _make(world)
        yield world
    finally:
        world.stop()
        world.queue.close()
        database.close()
        drop_schemas(url, target)


def _make(world: Applying) -> None:
    with world.database.transaction() as session:
        for statement in _TABLES.split(";"):
            session.execute(
                statement.replace("CREATE TABLE ", f"CREATE TABLE {world.target}.") + " COLLATE utf8mb4_0900_bin"
            )
    register_open(world.database, world.mapping)
