"""What every measurement begins with: empty schemas, one open stream, a topic and a queue on real servers."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from db.bulk import qualified
from db.engine import Database, schema_url
from db.registry import registered
from db.schema import create_schema, drop_schemas, upgrade
from db.snapshot_registry import register_snapshot
from db.snapshot_store import SnapshotStore
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core.manifest import Part, StreamSnapshot, TopicOffsets
from work_queue.attributes import ensure_queue
from work_queue.client import client

MAPPING = Path(__file__).parent / "mapping.yaml"
STREAM = "accounts"
TOPIC = "bench.accounts"
PARTITIONS = 4
COLUMNS = (
    "id", "email", "name", "country", "birth_date", "points", "balance", "active", "created_at", "updated_at",
    "settings", "badges",
)  # fmt: skip
_CONTROL, _PROCESSED, _DIRECT = "bench_control", "bench_processed", "bench_direct"
_REGION = "us-east-1"
_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes."""
_DEFINITION = """
    id VARCHAR(32) NOT NULL,
    email VARCHAR(120) NOT NULL,
    name VARCHAR(80) NOT NULL,
    country CHAR(2) NOT NULL,
    birth_date DATE NULL,
    points INT NOT NULL,
    balance DECIMAL(10, 2) NOT NULL,
    active TINYINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    settings JSON NULL,
    badges JSON NULL,
    PRIMARY KEY (id),
    KEY ix_accounts_email (email),
    KEY ix_accounts_country_updated_at (country, updated_at)
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the programs under measurement work."""

    servers: Servers

    @property
    def url(self) -> str:
        """Of the control schema."""
        return schema_url(self.servers.mysql_url, _CONTROL)

    @property
    def kafka(self) -> Mapping[str, str]:
        """librdkafka's settings."""
        return {"bootstrap.servers": self.servers.kafka_bootstrap}

    @property
    def processed(self) -> str:
        """The table that the pipeline fills."""
        return qualified(_PROCESSED, "accounts")

    @property
    def direct(self) -> str:
        """A table of the same definition, for the direct way."""
        return qualified(_DIRECT, "accounts")

    @contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """Of the programs, with a queue of their own: what others left in it would be served too."""
        sqs = client(_REGION, endpoint=self.servers.sqs_endpoint)
        queue = ensure_queue(sqs, f"bench-{uuid4().hex}.fifo")
        try:
            yield self._variables(queue)
        finally:
            sqs.delete_queue(QueueUrl=queue)

    def _variables(self, queue: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self.url,
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka_bootstrap,
            "SQS_QUEUE_URL": queue,
            "AWS_REGION": _REGION,
            "AWS_ENDPOINT_URL_SQS": self.servers.sqs_endpoint,
            "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID", "local"),
            "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY", "local"),
            "MIGRATION_CONFIG": str(MAPPING),
            "HTTP_PORT": "0",
            "HTTP_HOST": "127.0.0.1",
        }

    def begin(self) -> Database:
        """Empty schemas with the stream registered; the caller closes the database."""
        drop_schemas(self.url, _CONTROL, _PROCESSED, _DIRECT)
        create_schema(self.url, _PROCESSED, _DIRECT)
        database = Database(self.url, pool_size=4)
        upgrade(database)
        with database.transaction() as session:
            for table in (self.processed, self.direct):
                session.execute(f"CREATE TABLE {table} ({_DEFINITION}) ENGINE=InnoDB COLLATE=utf8mb4_0900_bin")
        register_streams(database, MAPPING)
        return database

    def offsets(self) -> tuple[TopicOffsets, ...]:
        """Where the topic ends now; it is created where it does not exist."""
        if TOPIC not in LogView(self.kafka).topics():
            TopicAdmin(self.kafka).create(TOPIC, partitions=PARTITIONS)
        return tuple(
            TopicOffsets(
                topic=TOPIC,
                topic_id=one.topic_id,
                partition=one.partition,
                start_offset=one.offset,
                end_offset=one.offset,
                leader_epoch=one.leader_epoch,
            )
            for one in LogView(self.kafka).offsets_now([TOPIC])
        )

    def open_stream(self, database: Database) -> None:
        """Stream from the topic's end as it is now, behind a snapshot without rows."""
        empty = Part(file="nothing.ndjson", rows=0, bytes=0, decompressed_bytes=0, sha256=_NOTHING)
        snapshot = StreamSnapshot(name=STREAM, container="ndjson", topics=self.offsets(), parts=(empty,))
        stream = registered(database, STREAM)
        stored = register_snapshot(database, stream, snapshot, "nowhere")
        store = SnapshotStore(database, stream, stored)
        store.verified(stored.parts[0])
        store.open_part(stored.parts[0])
        store.open_stream()

    def forget(self) -> None:
        """Leave the servers as they were found."""
        drop_schemas(self.url, _CONTROL, _PROCESSED, _DIRECT)
        TopicAdmin(self.kafka).delete(TOPIC)
