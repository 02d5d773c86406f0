"""From records in the topic to processed rows: real master and workers against the direct way for the same rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import direct
from benchmarks.processor import ServerTime, per_100_000
from benchmarks.progress import until
from benchmarks.records import account_id, line, record
from benchmarks.services import Services, Usage, services
from benchmarks.side import Against, Side
from benchmarks.stage import COLUMNS, TOPIC, Stage
from db.bulk import Bulk, quoted
from db.engine import Database
from kafka_log.producer import LogWriter
from migration_core.errors import MigrationError

CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Load:
    """How many records, over how many entities."""

    name: str
    records: int
    entities: int

    def numbers(self) -> Iterator[tuple[int, int]]:
        """(entity, number) of each record in order."""
        return ((number % self.entities, number) for number in range(self.records))


@dataclass(frozen=True, slots=True)
class Flow:
    """What one load came to."""

    load: Load
    pipeline: Side
    """Master and workers; their starts are not counted."""
    direct: Against
    """LOAD DATA REPLACE over CONNECTIONS connections."""
    requests_per_1000: float
    usage: dict[str, Usage]


def flow(stage: Stage, load: Load, *, workers: int, logs: Path) -> Flow:
    """Measure both ways, and prove that they left the same rows."""
    database = stage.begin()
    bulk, shares = Bulk(stage.direct, COLUMNS, replace=True), _shares(load)
    try:
        stage.open_stream(database)
        _produce(stage, load)
        before = direct.load(stage.url, bulk, shares)
        with stage.environment() as variables, services(variables, logs) as running:
            pipeline, requests = _drain(database, load, running, workers)
        after = direct.load(stage.url, bulk, shares)
        _compare(database, stage)
        return Flow(load, pipeline, Against(before, after), requests * 1000 / load.records, running.usage)
    finally:
        database.close()


def _produce(stage: Stage, load: Load) -> None:
    writer = LogWriter(stage.kafka)
    for entity, number in load.numbers():
        writer.produce(TOPIC, record(entity, number), key=account_id(entity).encode())
    writer.close()


def _drain(database: Database, load: Load, running: Services, workers: int) -> tuple[Side, int]:
    """From the first raw row to the last outcome, and the SQS requests on the way."""
    for number in range(workers):
        running.start(f"worker-{number + 1}", "migration_worker")
    server, requests = ServerTime(database), running.requests()
    running.start("master", "migration_master")
    first = until(database, running.children.check, lambda one: one.received > 0)
    taken, client = server.seconds(), running.processor_seconds()
    last = until(database, running.children.check, lambda one: one.done == load.records)
    if last.bad:
        raise MigrationError(f"the benchmark's records are good, yet {last.bad} were not applied")
    rows = load.records - first.received
    side = Side(
        rows / (last.moment - first.moment),
        (running.processor_seconds() - client) * 100_000 / rows,
        per_100_000(taken, server.seconds(), rows),
    )
    return side, running.requests() - requests


def _shares(load: Load) -> Sequence[Sequence[bytes]]:
    """The rows of the load for each connection, in order; an entity has one connection, else they would lock."""
    shares: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for entity, number in load.numbers():
        shares[entity % CONNECTIONS].append(line(entity, number))
    return shares


def _compare(database: Database, stage: Stage) -> None:
    """Both tables hold the same rows, or the rates mean nothing."""
    # As bytes, since text and JSON have collations that do not mix.
    columns = ", ".join(f"CONVERT({quoted(name)} USING binary)" for name in COLUMNS)
    with database.transaction() as session:
        found = [
            session.one(
                f"SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('|', {columns}))) FROM {table}"  # noqa: S608 - names of this benchmark's own
            )
            for table in (stage.processed, stage.direct)
        ]
    if found[0] != found[1]:
        raise MigrationError(f"the pipeline and the direct way left different rows: {found}")
