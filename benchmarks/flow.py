"""From records in the topic to processed rows: real master and workers against the direct way for the same rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import direct
from benchmarks.progress import until
from benchmarks.records import account_id, line, record
from benchmarks.services import Services, Usage, services
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
    """What one load came to; both rates are of this run."""

    load: Load
    pipeline: float
    """Records a second."""
    direct: float
    """Rows a second of LOAD DATA REPLACE over CONNECTIONS connections."""
    requests_per_1000: float
    processor_seconds: float
    """Of master and workers for 100,000 records, without their starts."""
    usage: dict[str, Usage]

    @property
    def ratio(self) -> float:
        """Pipeline to direct."""
        return self.pipeline / self.direct


def flow(stage: Stage, load: Load, *, workers: int, logs: Path) -> Flow:
    """Measure both ways, and prove that they left the same rows."""
    database = stage.begin()
    try:
        stage.open_stream(database)
        _produce(stage, load)
        with services(stage.environment(), logs) as running:
            rate, requests, processor = _drain(database, load, running, workers)
        seconds = direct.load(stage.url, Bulk(stage.direct, COLUMNS, replace=True), _shares(load))
        _compare(database, stage)
        return Flow(
            load,
            rate,
            load.records / seconds,
            requests * 1000 / load.records,
            processor * 100_000 / load.records,
            running.usage,
        )
    finally:
        database.close()


def _produce(stage: Stage, load: Load) -> None:
    writer = LogWriter(stage.kafka)
    for entity, number in load.numbers():
        writer.produce(TOPIC, record(entity, number), key=account_id(entity).encode())
    writer.close()


def _drain(database: Database, load: Load, running: Services, workers: int) -> tuple[float, int, float]:
    """(records a second, SQS requests, processor seconds) from the first raw row to the last outcome."""
    for number in range(workers):
        running.start(f"worker-{number + 1}", "migration_worker")
    before = running.requests()
    running.start("master", "migration_master")
    first = until(database, running.children.check, lambda one: one.received > 0)
    processor = running.processor_seconds()
    last = until(database, running.children.check, lambda one: one.received == load.records and one.pending == 0)
    requests, processor = running.requests() - before, running.processor_seconds() - processor
    if last.ledger.rejected or last.ledger.parked:
        raise MigrationError(f"the benchmark's records are good, yet {last.ledger}")
    return (load.records - first.ledger.received) / (last.moment - first.moment), requests, processor


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
