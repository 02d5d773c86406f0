"""A whole migration of a test's own on shared servers: an example's source, the real programs, and the verdict."""

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from db.engine import Database
from db.schema import create_schema, drop_schemas, upgrade
from db.source_positions import start_positions
from examples import processed_schema
from examples.renaming import Renamed
from examples.scenario import Scenario
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core import sequence
from replay.check import Verdict, check
from replay.children import Child, Children, ChildFailed
from replay.drain import Lag, wait_until_drained
from replay.publish import create_topics, ends, publish, read_log
from tests.servers import own
from work_queue.attributes import ensure_queue
from work_queue.client import client

_PATIENCE_SECONDS = 90.0
_KILLED, _TRY_AGAIN = -signal.SIGKILL, 75
MASTER, WORKER, LOADER = "migration_master", "migration_worker", "snapshot_loader"


@dataclass
class LiveWriter:
    """The legacy platform lives on in a thread: `done` says when it has fallen silent."""

    config: Mapping[str, str]
    scenario: Scenario
    already: Counter[tuple[str, int]]
    seconds: float
    _thread: Thread = field(init=False)
    _stop: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._run, name="live-writer")
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Until everything is published."""
        self._thread.join()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        began, changes = time.monotonic(), self.scenario.live_changes

        def pace(count: int) -> None:
            if changes and count % 20 == 0:
                self._stop.wait(max(0.0, count * self.seconds / changes - (time.monotonic() - began)))

        publish(self.config, self.scenario.live(), self.already, stop=self._stop, pace=pace)


@dataclass
class Migrating:
    """What `migrating` opens; every program is started as in production, with its log in the test's folder."""

    scenario: Renamed
    folder: Path
    config: dict[str, str]
    environment: dict[str, str]
    children: Children
    database: Database
    writer: LiveWriter | None = None
    published: Counter[tuple[str, int]] = field(default_factory=Counter)
    exits: list[tuple[str, int]] = field(default_factory=list)
    """(program, exit code) of those that ended before the test did."""
    _modules: dict[str, str] = field(default_factory=dict)

    @property
    def snapshot(self) -> Path:
        return Path(self.environment["SNAPSHOT_DIR"])

    # The source

    def publish_initial(self) -> None:
        """What the platform holds before the migration begins."""
        create_topics(self.config, self.scenario.topics)
        publish(self.config, self.scenario.initial(), self.published)

    def begin_writing(self, seconds: float) -> LiveWriter:
        """The live changes, spread over `seconds`."""
        self.writer = LiveWriter(self.config, self.scenario, self.published, seconds)
        return self.writer

    # The snapshot

    def begin_without_snapshot(self) -> None:
        """Register every partition from 0, with its stream open: the stream alone carries the example."""
        described = LogView(self.config).describe([topic.name for topic in self.scenario.topics])
        with self.database.transaction() as session:
            for topic, description in described.items():
                ((stream_id,),) = session.rows(
                    "SELECT stream_id FROM stream WHERE name = %s", (topic.rpartition(".")[2],)
                )
                for partition in description.partitions:
                    session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream_id,))
                    session.execute(
                        "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, "
                        "start_offset, end_offset, next_offset) VALUES (%s, %s, %s, %s, %s, 0, 0, 0)",
                        (session.inserted_id(), stream_id, topic, description.topic_id, partition),
                    )
                session.execute("UPDATE stream_counter SET generation = 2 WHERE stream_id = %s", (stream_id,))
                session.execute(
                    "UPDATE lane_progress SET open_to = %s WHERE stream_id = %s", (sequence.last_of(2), stream_id)
                )

    # The programs

    def start(self, name: str, module: str, **variables: str) -> Child:
        """Start a program under a name that its log carries too."""
        self._modules[name] = module
        return self.children.start(name, module, **variables)

    def start_services(self, *, workers: int = 2) -> None:
        """The master and so many workers."""
        self.start("master-1", MASTER)
        for number in range(1, workers + 1):
            self.start(f"worker-{number}", WORKER)

    def kill(self, child: Child) -> None:
        """kill -9, and start the next of its kind, as the platform that runs the service would."""
        child.process.kill()
        child.process.wait()
        self.replace(child)

    def replace(self, child: Child) -> Child:
        """Start a program again that has ended."""
        code = child.process.wait()
        self.exits.append((self._modules[child.name], code))
        self.children.stop(child)
        role, _, number = child.name.rpartition("-")
        return self.start(f"{role}-{int(number) + 100}", self._modules[child.name])

    def revive(self) -> None:
        """Start again what ended with a code that asks for it; any other code is a failure."""
        for child in list(self.children.running):
            code = child.process.poll()
            if code in (_KILLED, _TRY_AGAIN):
                self.replace(child)
            elif code is not None:
                raise ChildFailed(f"{child.name} ended with {code}; see {child.log}:\n{child.last_words()}")

    # The end

    def verdict(self, *, patience: float = _PATIENCE_SECONDS) -> Verdict:
        """Wait for the writer and for the last row, then compare everything with the example's model."""
        if self.writer is not None:
            self.writer.wait()
        until = ends(self.config, self.scenario)
        streams = wait_until_drained(
            self.database, until, alive=self.revive, told=lambda _text: None, lag=Lag(), patience=patience
        )
        work = self.folder / "model"
        work.mkdir()
        model = self.scenario.model(work)
        if (self.snapshot / "manifest.json").exists():
            model.snapshot(self.snapshot)
        model.stream(read_log(self.config, start_positions(self.database), until))
        verdict = check(self.database, self.scenario.target_schema, model, streams)
        model.close()
        return verdict


@contextmanager
def migrating(servers: Servers, scenario: Scenario, folder: Path) -> Iterator[Migrating]:
    """Everything under names of its own, and gone afterwards."""
    name = f"m{uuid4().hex[:12]}"
    target = f"{name}_target"
    renamed = Renamed(scenario, prefix=f"{name}.", target_schema=target, folder=folder)
    url = own.schema_url(servers, name)
    create_schema(url, target)
    database = Database(url, pool_size=2)
    config = {"bootstrap.servers": servers.kafka_bootstrap}
    sqs = client(own.REGION, endpoint=servers.sqs_endpoint)
    environment = {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
        "SQS_QUEUE_URL": ensure_queue(sqs, f"{name}.fifo"),
        "AWS_REGION": own.REGION,
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        "MIGRATION_CONFIG": str(renamed.mapping),
        "SNAPSHOT_DIR": str(folder / "snapshot"),
        "HTTP_PORT": "0",
        "HTTP_HOST": "127.0.0.1",
    }
    world = Migrating(renamed, folder, config, environment, Children(environment, folder / "logs"), database)
    try:
        upgrade(database)
        processed_schema.upgrade(url, target, scenario.migrations)
        register_streams(database, renamed.mapping)
        yield world
    finally:
        if world.writer is not None:
            world.writer.stop()
        world.children.stop()
        sqs.delete_queue(QueueUrl=environment["SQS_QUEUE_URL"])
        sqs.close()
        database.close()
        drop_schemas(url, name, target)
        for topic in renamed.topics:
            TopicAdmin(config).delete(topic.name)


def sound(verdict: Verdict) -> None:
    """Fail with everything that the check found."""
    found = [*verdict.counts, *verdict.rejects, *verdict.differences]
    found += [str(one) for one in verdict.remainders if one.total]
    assert verdict.passed, "\n".join([f"{verdict.difference_count} differences", *found])
