"""A whole migration of a test's own on shared servers: an example's source, the real programs, and the verdict."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING
from uuid import uuid4

from db.engine import Database
from db.ledger import ledger
from db.schema import create_schema, drop_schemas
from db.source_positions import start_positions
from examples import processed_schema
from examples.renaming import Renamed
from examples.scenario import ExpectedTable, Scenario
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core import sequence
from migration_core.errors import Transient
from replay.check import Verdict, check
from replay.children import Child, ChildFailed, Children
from replay.drain import Lag, wait_until_drained
from replay.publish import create_topics, ends, publish, read_log
from runtime.retry import patiently
from tests.integration.evidence import audited, lanes_and_locks, raw_against_log
from tests.servers import own
from tests.servers.schemas import control_schema
from work_queue.attributes import ensure_queue
from work_queue.client import client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 0.05
_WRITTEN_AT_ONCE = 20
_AWAY = timedelta(seconds=30)
"""A broker that was restarted looks for its partitions' leaders a while longer."""
KILLED, TRY_AGAIN = -signal.SIGKILL, 75
MASTER, WORKER, LOADER = "migration_master", "migration_worker", "snapshot_loader"


@dataclass
class LiveWriter:
    """The legacy platform lives on in a thread: over `seconds`, and never further than the share that is allowed."""

    config: Mapping[str, str]
    scenario: Scenario
    already: Counter[tuple[str, int]]
    seconds: float
    share: float = 1.0
    _changed: Condition = field(default_factory=Condition)
    written: int = 0
    """Records, once it is done."""
    _failure: Exception | None = None
    _stop: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._run, name="live-writer")
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def allow(self, share: float) -> None:
        """Write up to this share of all changes."""
        with self._changed:
            self.share = share
            self._changed.notify()

    def finish(self) -> None:
        """Everything is published when this returns."""
        self.allow(1.0)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._stop.set()
        self.finish()

    def _run(self) -> None:
        began, changes = time.monotonic(), self.scenario.live_changes

        def pace(count: int) -> None:
            if changes and count % _WRITTEN_AT_ONCE == 0:
                self._stop.wait(max(0.0, count * self.seconds / changes - (time.monotonic() - began)))
                with self._changed:
                    self._changed.wait_for(lambda: self.share >= 1 or count <= self.share * changes)

        try:
            self.written = publish(self.config, self.scenario.live(), self.already, stop=self._stop, pace=pace)
        except Exception as error:  # noqa: BLE001 - a thread has no caller: `finish` raises it
            self._failure = error


@dataclass
class Migrating:
    """What `migrating` opens; every program is started as in production, with its log in the test's folder."""

    scenario: Renamed
    folder: Path
    config: dict[str, str]
    environment: dict[str, str]
    children: Children
    database: Database
    queue: "SQSClient"
    tables: tuple[ExpectedTable, ...]
    writer: LiveWriter | None = None
    published: Counter[tuple[str, int]] = field(default_factory=Counter)
    written: int = 0
    """Records, before the live writer."""
    exits: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(program, exit code) of those that ended before the test did."""
    fate: Callable[[str], dict[str, str]] = field(default_factory=lambda: _spared)
    """Variables for the next program of a module."""
    _modules: dict[str, str] = field(default_factory=dict)

    @property
    def snapshot(self) -> Path:
        return Path(self.environment["SNAPSHOT_DIR"])

    # The source

    def publish_initial(self) -> None:
        """What the platform holds before the migration begins."""
        create_topics(self.config, self.scenario.topics)
        self.written = publish(self.config, self.scenario.initial(), self.published)

    def begin_writing(self, seconds: float, *, share: float = 1.0) -> LiveWriter:
        """The live changes, spread over `seconds`; only a `share` of them until more is allowed."""
        self.writer = LiveWriter(self.config, self.scenario, self.published, seconds, share)
        return self.writer

    # The snapshot

    def take_snapshot(self, *options: str) -> None:
        """While the platform lives on, and fuzzy where real exports of it would be."""
        fuzzy = ["--fuzzy"] if self.scenario.fuzzy else []
        self.children.run("take", "migration_cli", "snapshot", "take", str(self.snapshot), *fuzzy, *options)

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
        return self.children.start(name, module, **self.fate(module), **variables)

    def start_services(self, *, workers: int = 2) -> None:
        """The loader where there is a snapshot, the master and so many workers."""
        if self.snapshot.exists():
            self.start("loader-1", LOADER)
        self.start("master-1", MASTER)
        for number in range(1, workers + 1):
            self.start(f"worker-{number}", WORKER)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Let the programs come so far."""
        over = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < over, f"{what} did not come true: {ledger(self.database)}"
            self.revive()
            time.sleep(_LOOK_SECONDS)

    def until_killed(self, count: int, *, within: float) -> None:
        """Until more than `count` programs have died; where none comes to the place of its death, `within` seconds."""
        over = time.monotonic() + within
        while self.exits.total() <= count and time.monotonic() < over:
            self.revive()
            time.sleep(_LOOK_SECONDS)

    def stored(self) -> int:
        """Raw rows of all streams."""
        return sum(one.received for one in ledger(self.database))

    def epoch(self) -> int:
        """How many masters have taken over."""
        with self.database.transaction() as session:
            return int((session.one("SELECT MAX(epoch) FROM source_offset") or (0,))[0])

    def revive(self) -> None:
        """Start again what was killed or asks for it, as a platform would; any other end is a failure."""
        for child in list(self.children.running):
            code = child.process.poll()
            if code is not None:
                self.children.stop(child)
                if self._modules[child.name] == LOADER and code == 0:
                    continue
                self.exits[self._modules[child.name], code] += 1
                if code not in (KILLED, TRY_AGAIN):
                    raise ChildFailed(f"{child.name} ended with {code}; see {child.log}:\n{child.last_words()}")
                role, _, number = child.name.rpartition("-")
                self.start(f"{role}-{int(number) + 10}", self._modules[child.name])

    # The end

    def _ends(self) -> dict[tuple[str, int], int]:
        """Where the topics end; a broker that was killed says less for a moment than it holds."""
        found = ends(self.config, self.scenario)
        written = self.written + (self.writer.written if self.writer else 0)
        if found and sum(found.values()) < written:
            raise Transient(f"the topics hold {sum(found.values())} of {written} records")
        return found

    def prove(self, *, patience: float = _PATIENCE_SECONDS) -> Verdict:
        """Wait for the writer and the last row; then everything is as the model says, and nothing is left behind."""
        if self.writer is not None:
            self.writer.finish()
        self.fate = _spared
        until = patiently(self._ends, stop=Event(), what="Kafka", patience=_AWAY)
        streams = wait_until_drained(
            self.database, until, alive=self.revive, told=lambda _text: None, lag=Lag(), patience=patience
        )
        self.children.stop()
        work = self.folder / "model"
        work.mkdir()
        model = self.scenario.model(work)
        if (self.snapshot / "manifest.json").exists():
            model.snapshot(self.snapshot)
        model.stream(read_log(self.config, start_positions(self.database), until))
        verdict = check(self.database, self.scenario.target_schema, model, streams)
        model.close()
        found = [*verdict.counts, *verdict.rejects, *verdict.differences]
        found += [str(one) for one in verdict.remainders if one.total]
        found += audited(self.database)
        found += lanes_and_locks(self.database)
        found += raw_against_log(self.database, self.config, [topic.name for topic in self.scenario.topics])
        assert not found, "\n".join([f"{verdict.difference_count} differences", *found])
        assert verdict.passed
        return verdict


def _spared(_module: str) -> dict[str, str]:
    return {}


@contextmanager
def migrating(servers: Servers, scenario: Scenario, folder: Path) -> Iterator[Migrating]:
    """Everything under names of its own, and gone afterwards."""
    with control_schema(servers) as url, _migrating(servers, url, scenario, folder) as world:
        yield world


@contextmanager
def _migrating(servers: Servers, url: str, scenario: Scenario, folder: Path) -> Iterator[Migrating]:
    name = f"m{uuid4().hex[:12]}"
    target = f"{name}_target"
    renamed = Renamed(scenario, prefix=f"{name}.", target_schema=target, folder=folder)
    create_schema(url, target)
    database = Database(url, pool_size=2)
    config = {"bootstrap.servers": servers.kafka_bootstrap}
    sqs = client(own.REGION, endpoint=servers.sqs_endpoint)
    queue_url = ensure_queue(sqs, f"{name}.fifo")
    environment = {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
        "SQS_QUEUE_URL": queue_url,
        "AWS_REGION": own.REGION,
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        "MIGRATION_CONFIG": str(renamed.mapping),
        "SNAPSHOT_DIR": str(folder / "snapshot"),
        "HTTP_PORT": "0",
        "HTTP_HOST": "127.0.0.1",
    }
    probe = renamed.model(folder)
    tables = probe.tables
    probe.close()
    world = Migrating(
        renamed, folder, config, environment, Children(environment, folder / "logs"), database, sqs, tables
    )
    try:
        processed_schema.upgrade(url, target, scenario.migrations)
        register_streams(database, renamed.mapping)
        yield world
    finally:
        if world.writer is not None:
            world.writer.stop()
        world.children.stop()
        sqs.delete_queue(QueueUrl=queue_url)
        sqs.close()
        database.close()
        drop_schemas(url, target)
        for topic in renamed.topics:
            TopicAdmin(config).delete(topic.name)
