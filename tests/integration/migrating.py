"""A whole migration of a test's own on shared servers: an example's source, the real programs, and the verdict."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from uuid import uuid4

from db.engine import Database
from db.ledger import ledger
from db.schema import create_schema, drop_schemas
from examples import processed_schema
from examples.renaming import Renamed
from examples.scenario import ExpectedTable, Scenario
from kafka_log.topics import TopicAdmin
from local_stack.servers import Servers
from migration_cli.registering import register_streams
from migration_core.errors import Transient
from replay.children import Child, ChildFailed, Children
from replay.drain import Lag, wait_until_drained
from replay.publish import create_topics, ends, publish
from runtime.failpoints import VARIABLE
from runtime.retry import patiently
from tests.chaos.oracle import Run, deviations
from tests.chaos.plan import LOADER, MASTER, WORKER
from tests.chaos.row_log import LogPlace, RowLog
from tests.integration.forked import ForkedChildren
from tests.integration.live_writer import LiveWriter
from tests.integration.without_snapshot import register_from_zero
from tests.servers import own
from tests.servers.schemas import control_schema
from tests.waiting import until
from work_queue.attributes import VISIBILITY, ensure_queue
from work_queue.client import client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 0.05
_AWAY = timedelta(seconds=30)
"""A broker that was restarted looks for its partitions' leaders a while longer."""
KILLED, TRY_AGAIN = -signal.SIGKILL, 75
_LEFT = (0, -signal.SIGTERM)
"""In good order, or asked before it listened."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that ended before the test did."""

    module: str
    code: int
    failpoint: str
    """What it was told to die of; nothing where somebody outside has ended it."""


@dataclass
class Migrating:
    """What `migrating` opens; every program runs the code of production, with its log in the test's folder."""

    scenario: Renamed
    folder: Path
    config: dict[str, str]
    url: str
    environment: dict[str, str]
    children: Children
    database: Database
    queue: "SQSClient"
    queue_url: str
    tables: tuple[ExpectedTable, ...]
    since: LogPlace
    """Where the server's row log stood before the first row."""
    writer: LiveWriter | None = None
    published: Counter[tuple[str, int]] = field(default_factory=Counter)
    written: int = 0
    """Records, before the live writer."""
    ended: list[Ended] = field(default_factory=list)
    fate: Callable[[str], dict[str, str]] = field(default_factory=lambda: _spared)
    """Variables for the next program of a module."""
    arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """{module: what it is started with}."""
    fates: dict[str, str] = field(default_factory=dict)
    """{name of a running program: its failpoint}."""
    asked: set[str] = field(default_factory=set)
    """Names of programs that were asked to leave."""
    replaced: set[str] = field(default_factory=set)
    """Names of programs that have a successor already."""
    visibility: timedelta = VISIBILITY
    """Of the queue's messages."""
    _modules: dict[str, str] = field(default_factory=dict)

    @property
    def exits(self) -> Counter[tuple[str, int]]:
        """(program, exit code) of those that ended before the test did."""
        return Counter((one.module, one.code) for one in self.ended)

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
        register_from_zero(self.database, self.config, [topic.name for topic in self.scenario.topics])

    def make_queue(self) -> None:
        """Where there is none, or none any more: what the SQS server here holds is gone when it is killed."""
        ensure_queue(self.queue, self.queue_url.rpartition("/")[2])
        if self.visibility != VISIBILITY:
            seconds = str(int(self.visibility.total_seconds()))
            self.queue.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": seconds})

    # The programs

    def start(self, name: str, module: str, **variables: str) -> Child:
        """Start a program under a name that its log carries too."""
        given = {**self.fate(module), **variables}
        self._modules[name] = module
        self.fates[name] = given.get(VARIABLE, "")
        return self.children.start(name, module, *self.arguments.get(module, ()), **given)

    def module_of(self, child: Child) -> str:
        return self._modules[child.name]

    def start_services(self, *, workers: int = 2) -> None:
        """The loader where there is a snapshot, the master and so many workers."""
        if self.snapshot.exists():
            self.start("loader-1", LOADER)
        self.start("master-1", MASTER)
        for number in range(1, workers + 1):
            self.start(f"worker-{number}", WORKER)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Let the programs come so far."""
        until(
            condition,
            lambda: f"{what}; {ledger(self.database)}",
            seconds=PATIENCE_SECONDS,
            pause=_LOOK_SECONDS,
            meanwhile=self.revive,
        )

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
            if code is None:
                continue
            self.children.stop(child)
            if child.name not in self._modules:  # started by a test itself, which wants it to live
                raise ChildFailed(f"{child.name} ended with {code}; see {child.log}:\n{child.last_words()}")
            module = self._modules[child.name]
            if module == LOADER and code == 0 and child.name not in self.asked:
                continue
            self.ended.append(Ended(module, code, self.fates[child.name]))
            if code not in (KILLED, TRY_AGAIN) and not (child.name in self.asked and code in _LEFT):
                raise ChildFailed(f"{child.name} ended with {code}; see {child.log}:\n{child.last_words()}")
            if child.name in self.replaced:
                continue
            role, _, number = child.name.rpartition("-")
            self.start(f"{role}-{int(number) + 10}", module)

    # The end

    def _ends(self) -> dict[tuple[str, int], int]:
        """Where the topics end; a broker that was killed says less for a moment than it holds."""
        found = ends(self.config, self.scenario)
        written = self.written + (self.writer.written if self.writer else 0)
        if found and sum(found.values()) < written:
            raise Transient(f"the topics hold {sum(found.values())} of {written} records")
        return found

    def finish(self, *, alive: Callable[[], None] | None = None, patience: float = PATIENCE_SECONDS) -> Run:
        """Wait for the writer and the last row, and end the programs; what the oracle is asked about."""
        if self.writer is not None:
            self.writer.finish()
        self.fate = _spared
        until = patiently(self._ends, stop=Event(), what="Kafka", patience=_AWAY)
        wait_until_drained(
            self.database, until, alive=alive or self.revive, told=lambda _text: None, lag=Lag(), patience=patience
        )
        self.children.stop()
        return Run(
            database=self.database,
            url=self.url,
            config=self.config,
            scenario=self.scenario,
            tables=self.tables,
            snapshot=self.snapshot,
            until=until,
            since=self.since,
            queue=self.queue,
            queue_url=self.queue_url,
            visibility=self.visibility,
        )

    def prove(self, *, patience: float = PATIENCE_SECONDS) -> None:
        """Everything is as the model says, at every time, and nothing is left behind."""
        found = deviations(self.finish(patience=patience))
        assert not found, "\n".join(map(str, found))


def _spared(_module: str) -> dict[str, str]:
    return {}


@contextmanager
def migrating(
    servers: Servers, scenario: Scenario, folder: Path, *, visibility: timedelta = VISIBILITY
) -> Iterator[Migrating]:
    """Everything under names of its own, and gone afterwards."""
    with control_schema(servers) as url, _migrating(servers, url, scenario, folder) as world:
        world.visibility = visibility
        world.make_queue()
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
    children = ForkedChildren(environment, folder / "logs")
    since = RowLog(url).place()
    world = Migrating(renamed, folder, config, url, environment, children, database, sqs, queue_url, tables, since)
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
