"""How long a statistic takes against the plain INSERT … SELECT of the same, in full and after few changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processor import ServerTime, per_100_000
from benchmarks.side import Against, Side
from benchmarks.stage import Stage
from db.bulk import qualified, quoted
from db.engine import Database
from db.raw import table_of
from db.schema import create_schema, drop_schemas, upgrade
from db.statistic_runs import StatisticRun
from examples import processed_schema
from examples.health_devices.scenario import HealthDevices
from examples.renaming import Renamed
from migration_cli.registering import register_streams
from migration_core.errors import MigrationError
from migration_core.sequence import pack
from migration_statistics.opening import open_statistic
from migration_statistics.running import Manners, Order, run

_CONTROL, _PROCESSED = "bench_control", "bench_statistics"
_STREAM, _LANES = "devices", 32
_WHOLE = """
  active_devices_whole:
    sql: statistics/active_devices_whole.sql
    parameters: {status: active}
    table: active_devices_whole
"""
_WHOLE_SQL = "SELECT region, model, COUNT(*) AS devices FROM devices WHERE status = %(status)s GROUP BY region, model\n"
_DEVICES = (
    "WITH RECURSIVE n (i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
    "SELECT 10000000000 + i, CONCAT('us-', i DIV 2), 1 + CRC32(i) %% 5, CONCAT('model', CRC32(CONCAT('m', i)) %% 20), "
    "'1.0.0', 'x', NOW(), 0.5, i, "
    "ELT(1 + CRC32(CONCAT('s', i)) %% 6, 'active', 'active', 'active', 'active', 'lost', 'retired'), NULL, i FROM n"
)
_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Counted:
    """One statistic of `devices` rows; rates are of all devices, however few had changed."""

    devices: int
    changed: int
    whole: Side
    """mode: full, in one transaction."""
    rebuilt: Side
    """mode: incremental, its first run."""
    followed: Side
    """mode: incremental, after the changes."""
    nothing: Side
    """The same when nothing has changed."""
    plain: Against


def counted(stage: Stage, devices: int, folder: Path) -> Counted:
    """Devices by the server itself, then each way in turn; all must say the same in the end."""
    url = stage.url
    drop_schemas(url, _CONTROL, _PROCESSED)
    create_schema(url)
    folder.mkdir(parents=True, exist_ok=True)
    scenario = Renamed(HealthDevices(), prefix="bench.", target_schema=_PROCESSED, folder=folder)
    processed_schema.upgrade(url, _PROCESSED, scenario.migrations)
    database = Database(url, pool_size=2, answer_seconds=3600)
    try:
        upgrade(database)
        register_streams(database, scenario.mapping)
        bench = _Bench(database, scenario.mapping, devices)
        bench.fill()
        return bench.measure(devices // 100)
    finally:
        database.close()
        drop_schemas(url, _CONTROL, _PROCESSED)


class _Bench:
    def __init__(self, database: Database, mapping: Path, devices: int) -> None:
        self._database = database
        self._mapping = mapping
        self._devices = devices
        self._server = ServerTime(database)
        with mapping.open("a", encoding="utf-8") as file:
            file.write(_WHOLE)
        (mapping.parent / "statistics" / "active_devices_whole.sql").write_text(_WHOLE_SQL, encoding="utf-8")

    def fill(self) -> None:
        """20 models, 5 regions, two thirds of them active, in the order of their ids as a snapshot brings them."""
        for name in ("active_devices_whole", "direct"):
            self._sql(f"CREATE TABLE {_place(name)} LIKE {_place('active_devices')}")
        for first in range(0, self._devices, _AT_ONCE):
            last = min(first + _AT_ONCE, self._devices) - 1
            self._sql(f"INSERT INTO {_place('devices')} {_DEVICES}", first, last)
        with self._database.transaction() as session:
            session.rows(f"ANALYZE TABLE {_place('devices')}")

    def measure(self, changes: int) -> Counted:
        before = self._timed(self._plain)
        whole = self._timed(lambda: self._run("active_devices_whole"))
        rebuilt = self._timed(lambda: self._run("active_devices"))
        nothing = self._timed(lambda: self._run("active_devices"))
        self._change(changes)
        followed = self._timed(lambda: self._followed(changes))
        after = self._timed(self._plain)
        self._run("active_devices_whole")
        self._compare()
        return Counted(self._devices, changes, whole, rebuilt, followed, nothing, Against(before, after))

    def _timed(self, work: Callable[[], object]) -> Side:
        taken, client, began = self._server.seconds(), time.process_time(), time.monotonic()
        work()
        seconds, client = time.monotonic() - began, time.process_time() - client
        spent = per_100_000(taken, self._server.seconds(), self._devices)
        return Side(self._devices / seconds, client * 100_000 / self._devices, spent)

    def _plain(self) -> None:
        with self._database.transaction() as session:
            session.execute(f"TRUNCATE TABLE {_place('direct')}")
            session.execute(
                f"INSERT INTO {_place('direct')} SELECT region, model, COUNT(*) FROM {_place('devices')} "  # noqa: S608 - identifiers of this benchmark
                "WHERE status = 'active' GROUP BY region, model"
            )

    def _run(self, name: str) -> StatisticRun:
        opened = open_statistic(self._database, self._mapping, name)
        return run(self._database, opened, Order("bench"), Manners(str, lambda _seconds: False))

    def _followed(self, changes: int) -> None:
        found = self._run("active_devices")
        if found.full or found.rows != changes:
            raise MigrationError(f"{found.rows} of {changes} changed devices were counted ({found.why or 'no reason'})")

    def _change(self, changes: int) -> None:
        """Every hundredth device gets another model, with the raw row and the watermark that a worker would leave."""
        step = self._devices // changes
        which = f"(id - 10000000000) %% {step} = 0"
        self._sql(f"UPDATE {_place('devices')} SET model = CONCAT('new', id %% 7) WHERE {which}")  # noqa: S608 - as above
        self._sql(
            f"INSERT INTO {quoted(table_of(_STREAM))} (lane, sequence, source_id, source_offset, entity_key, key_hash, "  # noqa: S608 - as above
            f"value, time_type, flags) SELECT CRC32(CONCAT('[', id, ']')) %% {_LANES}, %s + id - 10000000000, 1, 1, "
            f"CONCAT('[', id, ']'), 0, REPEAT('x', 450), 0, 0 FROM {_place('devices')} WHERE {which}",
            pack(2, 1),
        )
        self._sql(
            "UPDATE lane_progress p JOIN stream s USING (stream_id) SET p.applied = %s WHERE s.name = %s",
            pack(2, self._devices + 1),
            _STREAM,
        )

    def _compare(self) -> None:
        """All ways say the same, or their times mean nothing."""
        with self._database.transaction() as session:
            found = [
                session.rows(f"SELECT * FROM {_place(name)} ORDER BY region, model")  # noqa: S608 - as above
                for name in ("direct", "active_devices", "active_devices_whole")
            ]
        if not found[0] or found[0] != found[1] or found[0] != found[2]:
            raise MigrationError("the statistic and the plain statement left different rows")

    def _sql(self, sql: str, *arguments: object) -> None:
        with self._database.transaction() as session:
            session.execute("SET SESSION cte_max_recursion_depth = 1000000")
            session.execute(sql, arguments)


def _place(table: str) -> str:
    return qualified(_PROCESSED, table)
