"""A control schema, topics and a queue of a test's own, and what an independent consumer reads from the topics."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition

from db.bulk import quoted
from db.engine import Database
from db.ingest import IngestStore
from db.registry import StreamDefinition, register
from db.source_store import SourceStore
from db.target_health import HealthWatch
from kafka_log.producer import LogWriter
from kafka_log.reader import LogReader
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import CapturedOffset, LogView
from local_stack.servers import Servers
from migration_core.headers import encode_headers
from migration_core.steps import Reached, nothing
from migration_master.controls import read_controls
from migration_master.ingest import StreamRules
from migration_master.master import Master, MasterParts
from migration_master.observed import Observed
from migration_master.survey import Survey
from runtime.mapping_file import compiled
from runtime.metrics import Metrics
from tests.integration import forked
from tests.integration.forked import Forked
from tests.servers.schemas import control_schema
from tests.waiting import until
from work_queue.attributes import ensure_queue
from work_queue.client import client

LANES = 32
RawRecord = tuple[str, int, int, bytes | None, bytes | None, bytes | None, int | None]
"""(topic, partition, offset, key, value, headers, time)."""

_STREAM = """
  {name}:
    topic: {topic}
    format: json
    key: $.id
    record_key: $.id
    changes: {changes}
    tables:
      {name}: {{key: id, columns: {{id: $.id}}}}
"""


@dataclass
class LegacyTopics:
    """What one test has of its own on the shared servers."""

    servers: Servers
    database_url: str
    folder: Path
    name: str = field(default_factory=lambda: f"test_{uuid4().hex[:12]}")
    streams: dict[str, str] = field(default_factory=dict)
    """{stream: topic}."""
    partial: set[str] = field(default_factory=set)
    processes: list[Forked] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """What masters in this process waited for, without waiting."""

    def __post_init__(self) -> None:
        self.database = Database(self.database_url, pool_size=2)
        self.config = {"bootstrap.servers": self.servers.kafka_bootstrap}
        self.admin, self.view = TopicAdmin(self.config), LogView(self.config)
        self.source_store = SourceStore(self.database)
        self.queue_url = ensure_queue(client("eu-central-1", endpoint=self.servers.sqs_endpoint), f"{self.name}.fifo")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for topic in self.streams.values():
            self.admin.delete(topic)
        self.database.close()

    # The source

    def stream(self, name: str = "users", *, partitions: int = 1, partial: bool = False, **settings: str) -> str:
        """A registered stream with a topic of its own; its name."""
        topic = self.streams[name] = f"{self.name}.{name}"
        if partial:
            self.partial.add(name)
        self.admin.create(topic, partitions=partitions, config=settings)
        register(self.database, StreamDefinition(name, LANES, 1, partial, "0" * 64))
        return topic

    def capture(self, *streams: str) -> list[CapturedOffset]:
        """The vector as of now, registered as the loader does."""
        found = []
        for stream in streams or self.streams:
            vector = self.view.offsets_now([self.streams[stream]])
            self.register(stream, vector)
            found += vector
        return found

    def register(self, stream: str, vector: list[CapturedOffset]) -> None:
        with self.database.transaction() as session:
            (stream_id,) = session.one("SELECT stream_id FROM stream WHERE name = %s", (stream,)) or (0,)
            for one in vector:
                place = (one.topic, one.topic_id, one.partition)
                session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream_id,))
                session.execute(
                    "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
                    "end_offset, next_offset, leader_epoch) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (session.inserted_id(), stream_id, *place, one.offset, one.offset, one.offset, one.leader_epoch),
                )

    def committed(self) -> list[RawRecord]:
        """Every record that a plain read_committed consumer reads from the beginning of all topics."""
        places = [(t, p) for t, one in self.view.describe(self.streams.values()).items() for p in one.partitions]
        marks = self.view.watermarks(places)
        consumer = Consumer(
            {
                **self.config,
                "group.id": f"independent-{uuid4()}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        consumer.assign([TopicPartition(t, p, marks[t, p].low) for t, p in places])
        found: list[RawRecord] = []
        open_ends = set(places)
        while open_ends:
            message = consumer.poll(20)
            assert message is not None, f"{open_ends} did not end"
            place = (message.topic(), message.partition())
            if message.error():
                open_ends.discard(place)
                continue
            kind, moment = message.timestamp()
            content = (message.key(), message.value(), encode_headers(message.headers()), moment if kind else None)
            found.append((*place, message.offset(), *content))
        consumer.close()
        return sorted(found, key=lambda record: record[:3])

    # The store

    def rows(self, sql: str, *args: object) -> list[tuple]:
        with self.database.transaction() as session:
            return session.rows(sql, args)

    def stored(self) -> list[RawRecord]:
        """All raw rows as the records that they came from; doubles stay doubles."""
        found: list[RawRecord] = []
        for stream in self.streams:
            found += self.rows(
                "SELECT o.topic, o.kafka_partition, r.source_offset, r.record_key, r.value, r.headers, r.time "
                f"FROM {quoted('raw_' + stream)} r JOIN source_offset o USING (source_id)"
            )
        return sorted(found, key=lambda record: record[:3])

    def offsets(self) -> dict[tuple[str, int], int]:
        return {
            (topic, partition): offset
            for topic, partition, offset in self.rows("SELECT topic, kafka_partition, next_offset FROM source_offset")
        }

    def ends(self) -> dict[tuple[str, int], int]:
        marks = self.view.watermarks(self.offsets())
        return {place: mark.last_stable for place, mark in marks.items()}

    def settle(self) -> None:
        """Wait for the brokers to end transactions: they answer before the markers are written."""
        self.wait(lambda: all(mark.last_stable == mark.high for mark in self.view.watermarks(self.offsets()).values()))

    def wait(self, condition: Callable[[], object], what: str = "the condition") -> None:
        until(condition, lambda: f"{what}; offsets {self.offsets()}, ends {self.ends()}")

    # The master

    def mapping(self) -> Path:
        file = self.folder / "migration.yaml"
        streams = "".join(
            _STREAM.format(name=name, topic=topic, changes="partial" if name in self.partial else "full")
            for name, topic in self.streams.items()
        )
        file.write_text(f"target_schema: {self.name}\nstreams:{streams}", encoding="utf-8")
        return file

    def master(
        self,
        *,
        reached: Reached = nothing,
        look_seconds: float = 60.0,
        touched=None,
        database: Database | None = None,
        config: Mapping[str, str] | None = None,
    ) -> Master:
        """One in this process, without a queue; with a way of its own to MySQL or Kafka, where one is given."""
        streams: dict[str, StreamRules] = dict(compiled(self.mapping()).streams)
        database, config = database or self.database, config or self.config
        return Master(
            MasterParts(
                store=IngestStore(database, reached),
                source_store=SourceStore(database),
                survey=Survey(config),
                open_reader=lambda: LogReader(config),
                streams=streams,
                touched=touched or (lambda _lanes: None),
                observed=Observed(Metrics()),
                reached=reached,
                look_seconds=look_seconds,
                controls=lambda: read_controls(database, HealthWatch(database), Metrics()),
                wait=self.waits.append,
            )
        )

    def start(self, **env: str) -> Forked:
        """The real master, with its log in the test's folder."""
        log = self.folder / f"master-{len(self.processes)}.log"
        process = forked.service("migration_master", {**self.environment(), **env}, log)
        self.processes.append(process)
        return process

    def environment(self) -> Mapping[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka_bootstrap,
            "SQS_QUEUE_URL": self.queue_url,
            "AWS_ENDPOINT_URL_SQS": self.servers.sqs_endpoint,
            "AWS_REGION": "eu-central-1",
            "MIGRATION_CONFIG": str(self.mapping()),
            "HTTP_PORT": "0",
        }

    def log(self, number: int = 0) -> list[dict]:
        lines = (self.folder / f"master-{number}.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ready(self, number: int = 0) -> tuple[int, str]:
        """What /readyz of a started master says."""
        port = next(line["port"] for line in self.log(number) if line["event"] == "http_listening")
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except OSError as error:
            return getattr(error, "code", 0), getattr(error, "read", bytes)().decode()


@contextmanager
def legacy_topics(servers: Servers, folder: Path) -> Iterator[LegacyTopics]:
    """Gone with everything in it at the end."""
    with control_schema(servers) as url:
        found = LegacyTopics(servers, url, folder)
        try:
            yield found
        finally:
            found.close()


def turns(master: Master, count: int) -> None:
    """So many transactions and looks around, or until an error."""
    for _ in range(count):
        master.turn()


def drain(master: Master, legacy: LegacyTopics) -> None:
    """Turn until everything that can be read is stored."""
    until(
        lambda: legacy.offsets() == legacy.ends(),
        lambda: f"offsets {legacy.offsets()}, ends {legacy.ends()}",
        pause=0,
        meanwhile=master.turn,
    )


def write(legacy: LegacyTopics, topic: str, count: int, *, first: int = 0, partitions: int = 1) -> None:
    writer = LogWriter(legacy.config)
    for number in range(first, first + count):
        key = b'{"id": "u%d"}' % (number % 50)
        writer.produce(topic, b'{"id": "u%d", "n": %d}' % (number % 50, number), key=key, partition=number % partitions)
    writer.close()


def complete(legacy: LegacyTopics) -> None:
    """What the guarantee says: every committed record once, unchanged, and counted in its lane's head."""
    assert legacy.stored() == legacy.committed()
    for stream in legacy.streams:
        lanes = legacy.rows(f"SELECT lane, COUNT(*), MAX(sequence) FROM raw_{stream} GROUP BY lane ORDER BY lane")
        heads = legacy.rows(
            "SELECT lane, `rows`, head FROM lane_head JOIN stream USING (stream_id) "
            "WHERE name = %s AND `rows` > 0 ORDER BY lane",
            stream,
        )
        assert lanes == heads
