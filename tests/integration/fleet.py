"""The devices of the health example with its statistics: changes as the master stores them, applied in this process."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from db.apply import Limits
from db.engine import Database
from db.ingest import IngestStore, PartitionRows
from db.statistic_runs import StatisticRun
from db.target_health import HealthWatch
from examples import processed_schema
from examples.health_devices.documents import Document, device
from examples.health_devices.envelopes import device_deletion, device_image
from examples.health_devices.model import HealthModel
from examples.health_devices.population import REGIONS, Dice
from examples.health_devices.scenario import HealthDevices
from examples.renaming import Renamed
from examples.scenario import LogRecord, SourceRecord
from local_stack.servers import Servers
from migration_core.lane import lane_of
from migration_core.mapping import CompiledMapping
from migration_core.records import Received
from migration_core.steps import nothing
from migration_statistics.opening import open_statistic
from migration_statistics.running import Manners, Order, run
from migration_worker.brake import Brake
from migration_worker.lane_work import LaneWork
from migration_worker.opening import open_mapping, open_streams
from runtime.mapping_file import compiled
from tests.integration import forked
from tests.integration.emptying import emptied
from tests.integration.open_streams import register_open
from tests.servers import own
from tests.servers.schemas import control_schema

STREAM, OWNERS = "devices", 40
DICE = Dice(7)


def document(index: int, **changed: object) -> Document:
    """A device as it is at first, active unless told otherwise."""
    return {**device(DICE, index, 0, OWNERS), "status": "active", **changed}


@dataclass
class Fleet:
    """One test's world; `expected` is counted from the same records by other means."""

    url: str
    database: Database
    scenario: Renamed
    mapping: CompiledMapping
    model: HealthModel
    files: dict[str, str]
    """The mapping and the SQL as they are at first."""
    offset: int = 0
    running: list[BaseProcess] = field(default_factory=list)

    @property
    def target(self) -> str:
        return self.scenario.target_schema

    @property
    def mapping_file(self) -> Path:
        return self.scenario.mapping

    @property
    def mapping_text(self) -> str:
        return self.files["migration.yaml"]

    def put(self, *records: SourceRecord) -> None:
        """Store records behind what there is, apply them, and let the model know."""
        store = IngestStore(self.database)
        (source,) = store.take_over([STREAM])
        stream, rows, log = self.mapping.streams[STREAM], [], []
        for record in records:
            entity = stream.key_of(record.key, record.value)
            received = Received(self.offset, record.key, record.value, None, record.time, 0)
            rows.append((lane_of(entity, stream.lanes), entity, received))
            log.append(LogRecord(f"legacy.{STREAM}", 0, self.offset, record.key, record.value, record.time))
            self.offset += 1
        store.commit([PartitionRows(source, source.next_offset, self.offset, None, rows)])
        self.model.stream(log)
        self.drain()

    def images(self, *documents: Document) -> None:
        self.put(*(device_image(one, "u", 1) for one in documents))

    def deletions(self, *indexes: int) -> None:
        regions = {index: REGIONS.index(str(document(index)["region"])) for index in indexes}
        self.put(*(record for index, region in regions.items() for record in device_deletion(index, region, 2)))

    def drain(self) -> None:
        mapping = open_mapping(self.database, self.mapping_file)
        streams = open_streams(self.database, mapping, version="test", reached=nothing)
        work = LaneWork(self.database, streams, Limits(), Brake(self.database, HealthWatch(self.database)))
        work.apply([(STREAM, lane) for lane in range(self.mapping.streams[STREAM].lanes)])

    def count(
        self, name: str = "active_devices", *, full: bool = False, since: int | None = None, **manners: object
    ) -> StatisticRun:
        """Run a statistic in this process, in pieces small enough that there are many."""
        opened = open_statistic(self.database, self.mapping_file, name)
        polite = {"held_back": str, "wait": lambda _seconds: False, "range_rows": 10, "stretch_rows": 3, **manners}
        return run(self.database, opened, Order("test", full=full, since=since), Manners(**polite))  # type: ignore[arg-type]

    def rows(self, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        """{target} stands for the processed schema."""
        with self.database.transaction() as session:
            return session.rows(sql.replace("{target}", self.target), arguments)

    def run_sql(self, sql: str, *arguments: object) -> None:
        with self.database.transaction() as session:
            session.execute(sql.replace("{target}", self.target), arguments)

    def active(self) -> dict[tuple[object, object], object]:
        found = self.rows("SELECT region, model, devices FROM {target}.active_devices")
        return {(region, model): devices for region, model, devices in found}

    def members(self) -> list[tuple[object, ...]]:
        return self.rows("SELECT * FROM {target}.active_device_members ORDER BY device_id, region, model")

    def fetched(self, table: str) -> int:
        """How many rows of a table were ever read, by whichever index."""
        sql = "FROM performance_schema.table_io_waits_summary_by_table WHERE object_schema = %s AND object_name = %s"
        ((found,),) = self.rows(f"SELECT COALESCE(SUM(count_fetch), 0) {sql}", self.target, table)
        return int(str(found))

    def tables(self) -> set[object]:
        rows = self.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", self.target)
        return {name for (name,) in rows}

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "MIGRATION_CONFIG": str(self.mapping_file)}

    def command(self, log: Path, *arguments: str, **variables: str) -> BaseProcess:
        """`migration statistics …` in a process of its own."""
        process = forked.start(("statistics", *arguments), {**self.environment(), **variables}, log)
        self.running.append(process)
        return process

    def rewrite(self, changes: Mapping[str, str], file: str = "migration.yaml") -> None:
        path = self.mapping_file.parent / file
        text = path.read_text()
        for before, after in changes.items():
            assert before in text, before
            text = text.replace(before, after)
        path.write_text(text)

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.join()
        self.running.clear()


@contextmanager
def fleet(servers: Servers, folder: Path) -> Iterator[Fleet]:
    """Everything fresh, and gone afterwards."""
    target = own.fresh("fleet")
    with control_schema(servers) as url, own.dropped_afterwards(servers, target):
        scenario = Renamed(HealthDevices(), prefix=f"{target}.", target_schema=target, folder=folder)
        # A run goes through every lane: four of them show the same in an eighth of the time.
        text = scenario.mapping.read_text().replace(
            "    key: {path: $.deviceID", "    lanes: 4\n    key: {path: $.deviceID"
        )
        scenario.mapping.write_text(text)
        processed_schema.upgrade(url, target, scenario.migrations)
        database = Database(url, applies_lanes=True)
        mapping = compiled(scenario.mapping)
        world = Fleet(url, database, scenario, mapping, _model(folder), _files(folder))
        try:
            register_open(database, mapping)
            yield world
        finally:
            world.stop()
            world.model.close()
            database.close()


def _files(folder: Path) -> dict[str, str]:
    files = [folder / "migration.yaml", *folder.glob("statistics/*.sql")]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def as_new(world: Fleet) -> Fleet:
    """As `fleet` makes it: a tenth of making another."""
    world.stop()
    for name, text in world.files.items():
        (world.mapping_file.parent / name).write_text(text)
    emptied(world)
    with world.database.transaction() as session:
        for name in world.tables():
            if "__" in str(name):
                session.execute(f"DROP TABLE {world.target}.{name}")
        session.execute("UPDATE lane_progress SET mapping_hash = NULL")
        for name in ("active_devices", "active_device_members", "device_owners"):
            session.execute(f"DELETE FROM {world.target}.{name}")
    world.model.close()
    world.model = _model(world.mapping_file.parent)
    world.offset = 0
    return world


def _model(folder: Path) -> HealthModel:
    return HealthModel(folder / "model.sqlite", planted={}, rivals=(), topics={f"legacy.{STREAM}": STREAM})
