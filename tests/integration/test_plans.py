"""The application's statements on loaded targets: the story's missing index is found, named and mended."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.declared import declared_schema
from db.engine import Database
from examples import processed_schema
from migration_core.gate import GateVerdict
from migration_core.plans import load_statements
from migration_verifier.plans import explain_statements, plan_gates
from tests.integration.command_line import Cli
from tests.servers import own
from tests.servers.schemas import control_schema

pytestmark = pytest.mark.servers

EXAMPLES = Path(__file__).parents[2] / "examples"
NUMBERS = (
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99), "
    "m (i) AS (SELECT a.i * 100 + b.i FROM n AS a JOIN n AS b WHERE a.i < {hundreds}) "
)
LOADED = {
    "health_devices": (
        "INSERT INTO users (id, region, login, password_hash, created_at, modified_at, origin, source_sequence) "
        + NUMBERS.format(hundreds=15)
        + "SELECT i, 1 + i % 5, CONCAT('u', i), 'x', '2020-01-01' + INTERVAL i MINUTE, NOW(), 'legacy', i FROM m",
        "INSERT INTO user_consents " + NUMBERS.format(hundreds=15)
        + "SELECT i, ELT(1 + i % 3, 'research', 'family', 'sharing'), i % 2, 1, NOW(), i FROM m",
        "INSERT INTO devices " + NUMBERS.format(hundreds=30)
        + "SELECT i, i DIV 2, 1 + i % 5, CONCAT('model', i % 20), '1', 'x', NOW(), NULL, 1, 1 + i % 4, NULL, i FROM m",
        "INSERT INTO device_sensors " + NUMBERS.format(hundreds=30) + "SELECT i, 'heart', 'bpm', 1, i FROM m",
        "INSERT INTO measurements " + NUMBERS.format(hundreds=60)
        + "SELECT i, i % 3000, i % 1500, 1 + i % 5, 1, 'kg', '2020-01-01' + INTERVAL i HOUR, NOW(), 1, NULL, i FROM m",
    ),
    "flights": (
        "INSERT INTO airlines " + NUMBERS.format(hundreds=1) + "SELECT i, 'a', i FROM m WHERE i < 16",
        "INSERT INTO airports " + NUMBERS.format(hundreds=15)
        + "SELECT CONV(i, 10, 36), 'n', 1, 1, 1, 1, 'A', ELT(1 + i % 20, 'Pacific/Honolulu', i % 20), i FROM m",
        "INSERT INTO planes " + NUMBERS.format(hundreds=20)
        + "SELECT i, 2000, 't', CONCAT('maker', i % 9), CONCAT('model', i % 50), 2, 100, NULL, 'e', i FROM m",
        "INSERT INTO flights (year, month, day, carrier, flight, origin, dest, tailnum, status, scheduled_at, "
        "scheduled_departure, scheduled_arrival, distance, source_sequence) " + NUMBERS.format(hundreds=60)
        + "SELECT 2013, 1 + i % 12, 1 + i % 28, i % 16, i % 999, 'JFK', CONV(i % 90, 10, 36), i % 2000, "
        "IF(i % 100, 3, 2), '2013-01-01' + INTERVAL i HOUR, '1', '2', 100, i FROM m",
    ),
}  # fmt: skip


class Target:
    """A processed schema of one example, with rows."""

    def __init__(self, database: Database, url: str, schema: str, example: str, *, loaded: bool = True) -> None:
        self.database, self.url, self.schema = database, url, schema
        self.folder = EXAMPLES / example
        processed_schema.upgrade(url, schema, self.folder / "migrations")
        if loaded:
            self.run(*LOADED[example])

    def run(self, *statements: str) -> None:
        with self.database.transaction() as session:
            session.execute(f"USE {self.schema}")
            for statement in statements:
                session.execute(statement)
            session.execute(f"USE {self.database.schema}")

    def plans(self, text: str | None = None, *, analyze: bool = True):
        statements = load_statements(text or (self.folder / "statements.yaml").read_text(), file="statements.yaml")
        return explain_statements(
            self.database,
            self.url,
            self.schema,
            statements,
            declared=lambda collation: declared_schema(
                self.database, self.url, self.folder / "migrations", collation=collation
            ),
            analyze=analyze,
        )

    def faults(self, text: str | None = None):
        return {
            one.name: [(f.verdict, f.found, f.remedy) for f in one.faults] for one in self.plans(text) if one.faults
        }


@pytest.fixture(scope="module")
def health(servers) -> Iterator[Target]:
    """Of all tests of this module: each leaves it as the migrations make it."""
    name = own.fresh("target")
    with control_schema(servers) as url, own.dropped_afterwards(servers, name):
        database = Database(url)
        yield Target(database, url, name, "health_devices")
        database.close()


@pytest.fixture
def cli(health, tmp_path, monkeypatch, capsys) -> Cli:
    """Commands with the example's mapping, onto this test's schema."""
    text = (health.folder / "migration.yaml").read_text()
    (tmp_path / "migration.yaml").write_text(text.replace("schema: health_devices", f"schema: {health.schema}"))
    shutil.copytree(health.folder / "statistics", tmp_path / "statistics")
    command = Cli(health.url, monkeypatch, capsys)
    command.env["MIGRATION_CONFIG"] = str(tmp_path / "migration.yaml")
    return command


def test_every_statement_of_the_health_example_runs_as_it_is_meant_to(health):
    assert health.faults() == {}
    assert [(gate.name, gate.verdict) for gate in plan_gates(health.plans())] == [("query plan", GateVerdict.PASS)]


def test_every_statement_of_the_flights_example_runs_as_it_is_meant_to(database, database_url, target_schema):
    assert Target(database, database_url, target_schema, "flights").faults() == {}


def test_the_storys_missing_index_shuts_the_gate_which_names_it_and_what_mends_it(health):
    health.plans()
    health.run("DROP INDEX ix_measurements_device_id_taken_at ON measurements")

    plans = health.plans()

    [gate] = plan_gates(plans)
    mend = (
        f"ALTER TABLE `{health.schema}`.`measurements` "
        "ADD KEY `ix_measurements_device_id_taken_at` (`device_id`,`taken_at`)"
    )
    assert gate.verdict is GateVerdict.FAIL
    assert "index ix_measurements_device_id_taken_at of measurements is missing" in gate.found
    assert "measurements: all rows are read" in gate.found
    assert mend in gate.remedy
    [slow] = [one for one in plans if one.verdict is GateVerdict.FAIL]
    assert slow.name == "newest_measurements_of_a_device"
    assert slow.before[0].startswith("measurements: range by ix_measurements_device_id_taken_at")
    assert slow.now[0].startswith("measurements: ALL")
    health.run(mend)
    assert health.faults() == {}


def test_the_command_shows_the_plan_before_and_now_and_says_no(health, cli):
    asked = (
        "plans",
        str(health.folder / "statements.yaml"),
        "--analyze",
        "--declared",
        str(health.folder / "migrations"),
    )
    assert cli.run(*asked)[0] == 0
    health.run("DROP INDEX ix_devices_owner_id ON devices")

    code, out, err = cli.run(*asked)

    assert (code, err) == (1, "")
    assert "index ix_devices_owner_id of devices is missing" in out
    assert f"ALTER TABLE `{health.schema}`.`devices` ADD KEY `ix_devices_owner_id` (`owner_id`)" in out
    shown = out[out.index("\ndevices_of_a_user\n") :].splitlines()
    assert any(line.startswith("  before  devices: ref by ix_devices_owner_id") for line in shown)
    assert any(line.startswith("  now     devices: ALL") for line in shown)
    [slow] = [one for one in cli.json(*asked, code=1) if one["verdict"] == "fail"]
    assert slow["name"] == "devices_of_a_user"
    health.run(slow["faults"][0]["remedy"])
    assert cli.run(*asked)[0] == 0


def test_a_statistic_whose_pieces_would_scan_shuts_the_gate(health, cli, tmp_path):
    asked = ("plans", str(health.folder / "statements.yaml"), "--analyze")
    before = {one["name"]: one for one in cli.json(*asked)}
    file = tmp_path / "statistics" / "active_devices.sql"
    file.write_text(file.read_text().replace("SELECT id AS", "SELECT id + 0 AS"))  # no index finds that

    [slow] = [one for one in cli.json(*asked, code=1) if one["verdict"] == "fail"]

    assert {name for name in before if name.startswith("statistic ")} == {
        "statistic active_devices",
        "statistic device_owners",
    }
    assert slow["name"] == "statistic active_devices"
    assert "devices: all rows are read" in slow["faults"][-1]["found"]


def test_an_invisible_index_is_as_bad_as_a_missing_one(health):
    health.run("ALTER TABLE users ALTER INDEX uq_users_login INVISIBLE")

    [[(verdict, found, mend), *_]] = health.faults().values()

    assert (verdict, found) == (GateVerdict.FAIL, "index uq_users_login of users is invisible, so it is never used")
    health.run(mend)
    assert health.faults() == {}


def statement(sql: str, rest: str = "") -> str:
    return f"statements:\n  one:\n    sql: {sql}\n{rest}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (statement("SELECT * FROM devices AS d WHERE firmware = '2'"), "devices: all rows are read, about "),
        (statement("SELECT COUNT(*) FROM devices"), "devices: the whole index"),
        (statement("UPDATE devices SET cycles = 0 WHERE firmware = '2'"), "devices: the whole index PRIMARY are read"),
        (statement("DELETE FROM devices WHERE firmware = '2'"), "devices: all rows are read"),
        (
            statement("SELECT * FROM devices WHERE region = 'us' ORDER BY cycles", "    scan_rows: 100000\n"
                      "    sort_rows: 100"),
            "filesort of about",
        ),
        (
            statement("SELECT region, COUNT(*) FROM devices GROUP BY region", "    scan_rows: 100000\n"
                      "    sort_rows: 100"),
            "temporary table of about ",
        ),
        (
            statement("SELECT * FROM users WHERE id IN (SELECT owner_id FROM devices WHERE firmware = '2')"),
            "devices: all rows are read",
        ),
        (
            statement("SELECT * FROM devices WHERE id < 5", "    indexes: {devices: ix_devices_owner_id}"),
            "devices is not read by ix_devices_owner_id (devices: range by PRIMARY",
        ),
        (
            statement("SELECT * FROM users", "    indexes: {devices: PRIMARY}\n    scan_rows: 100000"),
            "devices is not read by PRIMARY (not read at all)",
        ),
        (statement("SELECT nick FROM users"), "the server refuses it: MySQL error 1054"),
        (statement("SELECT 1", "    indexes: {gone: PRIMARY}"), "table gone is missing"),
        (statement("SELECT 1", "    indexes: {users: ix_new}"), "index ix_new of users is missing"),
    ],
)  # fmt: skip
def test_each_way_of_being_slow_is_found(text, found, health):
    [faults] = health.faults(text).values()

    assert any(verdict is GateVerdict.FAIL and told.startswith(found) for verdict, told, _ in faults), faults


def test_a_limit_that_a_statement_stays_under_passes(health):
    assert health.faults(statement("SELECT * FROM devices WHERE firmware = '2'", "    scan_rows: 5000")) == {}


def test_what_an_empty_table_cannot_tell_is_a_warning_and_no_plan_to_keep(database, database_url, target_schema):
    target = Target(database, database_url, target_schema, "health_devices", loaded=False)
    text = statement(
        "SELECT value FROM measurements WHERE user_id = %(user)s",
        "    parameters: {user: {query: SELECT user_id FROM measurements LIMIT 1}}\n"
        "    indexes: {measurements: ix_measurements_user_id_kind_taken_at}",
    )

    [first], [second] = target.plans(text), target.plans(text)

    assert [(fault.verdict, fault.found) for fault in first.faults] == [
        (GateVerdict.WARN, "no plan: no row for SELECT user_id FROM measurements LIMIT 1")
    ]
    assert second.before is None


def test_what_needs_no_plan_passes_and_what_matches_no_row_is_told_once(health):
    assert health.faults(statement("SELECT MAX(login) FROM users", "    indexes: {users: uq_users_login}")) == {}

    found = health.faults(
        statement(
            "SELECT 1 FROM users AS u JOIN devices AS d ON d.id = 1 WHERE u.id = 'nobody'",
            "    indexes: {users: PRIMARY, devices: PRIMARY}",
        )
    )

    assert [(verdict, told) for verdict, told, _ in found["one"]] == [
        (GateVerdict.WARN, "no plan: no matching row in const table")
    ]


def test_a_plan_is_compared_only_with_one_of_the_same_statement(health):
    health.plans(statement("SELECT * FROM devices WHERE id = 1"))

    [same] = health.plans(statement("SELECT * FROM devices WHERE id = 1"))
    [other] = health.plans(statement("SELECT * FROM devices WHERE id = 2"))

    assert (same.before, other.before) == (("devices: const by PRIMARY, 1 rows",), None)
