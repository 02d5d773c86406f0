"""An example stored and applied in this process, without Kafka or a queue: a true copy, ready to be spoilt."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from uuid import uuid4

from db.apply import Limits
from db.engine import Database
from db.ingest import IngestStore, PartitionRows
from db.ledger import ledger
from db.schema import create_schema, drop_schemas, upgrade
from db.target_health import HealthWatch
from examples import processed_schema
from examples.renaming import Renamed
from examples.scenario import Scenario, SourceRecord
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core import sequence
from migration_core.errors import Rejected
from migration_core.lane import lane_of
from migration_core.mapping import CompiledMapping
from migration_core.records import Received
from migration_worker.brake import Brake
from migration_worker.lane_work import LaneWork
from migration_worker.opening import open_mapping, open_streams
from tests.servers import own

_BATCH = 5000


@dataclass(slots=True)
class Loaded:
    """What `loaded` opens."""

    scenario: Renamed
    url: str
    database: Database
    mapping_file: Path
    mapping: CompiledMapping
    next_offset: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    @property
    def target(self) -> str:
        return self.mapping.target_schema

    def entity(self, record: SourceRecord) -> tuple[str, bytes | None]:
        """(stream, canonical key or None)."""
        (stream,) = (one for one in self.mapping.streams.values() if record.topic in one.topics)
        try:
            return stream.name, stream.key_of(record.key, record.value)
        except Rejected:
            return stream.name, None

    def store(self, records: Iterable[SourceRecord]) -> Iterator[int]:
        """Store records as the master would, batch by batch; how many so far."""
        waiting, stored = iter(records), 0
        store = IngestStore(self.database)
        sources = {(one.topic, one.partition): one for one in store.take_over(list(self.mapping.streams))}
        while batch := list(islice(waiting, _BATCH)):
            rows: dict[tuple[str, int], list[tuple[int, bytes | None, Received]]] = defaultdict(list)
            begins = dict(self.next_offset)
            for record in batch:
                place = (record.topic, record.partition)
                stream, key = self.entity(record)
                lane = 0 if key is None else lane_of(key, self.mapping.streams[stream].lanes)
                offset = self.next_offset[place]
                rows[place].append((lane, key, Received(offset, record.key, record.value, None, record.time, 0)))
                self.next_offset[place] += 1
            store.commit(
                [
                    PartitionRows(sources[place], begins.get(place, 0), self.next_offset[place], None, found)
                    for place, found in rows.items()
                ]
            )
            stored += len(batch)
            yield stored

    def work(self) -> LaneWork:
        """The worker's own parts, on a pool of their own."""
        database = Database(self.url, applies_lanes=True)
        mapping = open_mapping(database, self.mapping_file)
        streams = open_streams(database, mapping, version="test", reached=lambda _step: None)
        return LaneWork(database, streams, Limits(), Brake(database, HealthWatch(database)))

    def drain(self, work: LaneWork) -> None:
        every = {(name, lane) for name, stream in self.mapping.streams.items() for lane in range(stream.lanes)}
        while looks := work.ready(every):
            work.apply({(look.stream, look.lane) for look in looks})

    def load(self, records: Iterable[SourceRecord]) -> None:
        """Store and apply."""
        for _ in self.store(records):
            pass
        work = self.work()
        self.drain(work)
        work.database.close()
        assert not any(one.pending for one in ledger(self.database))


@contextmanager
def loaded(servers: Servers, scenario: Scenario, folder: Path, *, lanes: int = 4) -> Iterator[Loaded]:
    """An empty world under names of its own, gone afterwards."""
    name = f"p{uuid4().hex[:12]}"
    target = f"{name}_target"
    renamed = Renamed(scenario, prefix=f"{name}.", target_schema=target, folder=folder)
    text = renamed.mapping.read_text(encoding="utf-8")
    renamed.mapping.write_text(re.sub(r"(?m)^(    topic: .*)$", rf"\1\n    lanes: {lanes}", text), encoding="utf-8")
    url = own.schema_url(servers, name)
    create_schema(url, target)
    database = Database(url)
    try:
        upgrade(database)
        processed_schema.upgrade(url, target, scenario.migrations)
        register_streams(database, renamed.mapping)
        mapping = open_mapping(database, renamed.mapping)
        _open(database, renamed, mapping)
        yield Loaded(renamed, url, database, renamed.mapping, mapping)
    finally:
        database.close()
        drop_schemas(url, name, target)


def _open(database: Database, scenario: Renamed, mapping: CompiledMapping) -> None:
    """Every partition from 0, with its stream open."""
    streams = {topic: stream for stream in mapping.streams.values() for topic in stream.topics}
    with database.transaction() as session:
        for topic in scenario.topics:
            found = session.one("SELECT stream_id FROM stream WHERE name = %s", (streams[topic.name].name,))
            assert found is not None
            for partition in range(topic.partitions):
                session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", found)
                session.execute(
                    "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
                    "end_offset, next_offset) VALUES (%s, %s, %s, 'id', %s, 0, 0, 0)",
                    (session.inserted_id(), *found, topic.name, partition),
                )
        session.execute("UPDATE stream_counter SET generation = 2")
        session.execute("UPDATE lane_progress SET open_to = %s", (sequence.last_of(2),))
