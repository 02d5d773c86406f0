"""`migration drift` as it is used: on an example, through failures, and with nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from db.declared import declared_schema
from db.engine import Database
from examples import processed_schema
from migration_core.errors import ConfigError
from migration_core.gate import GateVerdict
from migration_verifier.drift import drift_gates, find_drift
from tests.integration.alembic_trees import executing, tree
from tests.integration.command_line import Cli
from tests.servers import own

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "examples/health_devices/migrations"
COLLATION = "utf8mb4_0900_bin"


@pytest.fixture
def processed(database, database_url, target_schema) -> str:
    """The example's processed schema at its head."""
    processed_schema.upgrade(database_url, target_schema, MIGRATIONS)
    return target_schema


@pytest.fixture
def config(processed, tmp_path) -> Path:
    """The example's mapping, onto this test's schema."""
    text = (ROOT / "examples/health_devices/migration.yaml").read_text()
    file = tmp_path / "migration.yaml"
    file.write_text(text.replace("target_schema: health_devices", f"target_schema: {processed}"))
    return file


@pytest.fixture
def cli(database_url, config, monkeypatch, capsys) -> Cli:
    command = Cli(database_url, monkeypatch, capsys)
    command.env["MIGRATION_CONFIG"] = str(config)
    return command


def schemas(database: Database, name: str) -> list[object]:
    with database.transaction() as session:
        return session.rows("SELECT schema_name FROM information_schema.schemata WHERE schema_name = %s", (name,))


def test_the_command_says_no_names_the_index_and_prints_what_mends_it(database, processed, cli):
    asked = ("drift", "--declared", str(MIGRATIONS))
    assert cli.run(*asked) == (0, f"{processed} is as declared\n", "")
    with database.transaction() as session:
        session.execute(f"DROP INDEX ix_devices_owner_id ON {processed}.devices")
        session.execute(f"ALTER TABLE {processed}.users ADD COLUMN nick INT")

    code, out, err = cli.run(*asked)

    mends = f"ALTER TABLE `{processed}`.`devices` ADD KEY `ix_devices_owner_id` (`owner_id`);"
    assert (code, err) == (1, "")
    assert out.splitlines()[-2:] == [mends, f"-- removes data: ALTER TABLE `{processed}`.`users` DROP COLUMN `nick`;"]
    told = cli.json(*asked, code=1)
    assert [(one["table"], one["name"], one["what"]) for one in told["differences"]] == [
        ("devices", "ix_devices_owner_id", "missing"),
        ("users", "nick", "extra"),
    ]
    with database.transaction() as session:
        for statement in told["statements"]:
            session.execute(statement["sql"])
    assert cli.run(*asked)[0] == 0


def test_the_gates_pass_together_and_fail_table_by_table(database, database_url, processed):
    drift = find_drift(database, database_url, processed, MIGRATIONS)
    assert [(gate.name, gate.verdict) for gate in drift_gates(drift)] == [("schema drift", GateVerdict.PASS)]
    with database.transaction() as session:
        session.execute(f"DROP INDEX ix_devices_owner_id ON {processed}.devices")
        session.execute(f"DROP TABLE {processed}.measurements")

    gates = drift_gates(find_drift(database, database_url, processed, MIGRATIONS))

    assert [(gate.name, gate.verdict, gate.found) for gate in gates] == [
        ("schema drift: devices", GateVerdict.FAIL, "index devices.ix_devices_owner_id is missing"),
        ("schema drift: measurements", GateVerdict.FAIL, "table measurements is missing"),
    ]
    assert "migration drift" in gates[0].remedy


def test_control_tables_in_the_same_schema_are_no_drift(database, database_url):
    processed_schema.upgrade(database_url, database.schema, MIGRATIONS)

    assert find_drift(database, database_url, database.schema, MIGRATIONS).differences == ()


def test_a_revision_that_fails_leaves_no_scratch_schema(database, database_url, tmp_path):
    told = tmp_path / "schema"
    folder = tree(tmp_path / "migrations", [executing("CREATE TABLE t (id INT)") + "\n" + telling(told) + "\n1 / 0"])

    with pytest.raises(ZeroDivisionError):
        declared_schema(database, database_url, folder, collation=COLLATION)

    assert schemas(database, told.read_text()) == []


def test_what_a_killed_run_left_is_removed_by_the_next_and_a_living_ones_is_not(database, database_url, tmp_path):
    told = tmp_path / "schema"
    waiting = tree(tmp_path / "waiting", [telling(told) + "\nprint('made', flush=True)\nimport time\ntime.sleep(600)"])
    good = tree(tmp_path / "good", [executing("CREATE TABLE t (id INT PRIMARY KEY)")])
    child = child_building(database_url, waiting)
    try:
        assert child.stdout.readline() == "made\n"
        scratch = told.read_text()
        declared_schema(database, database_url, good, collation=COLLATION)
        assert schemas(database, scratch) == [(scratch,)]
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    with database.transaction() as session:
        session.execute("SELECT GET_LOCK(%s, 30)", (scratch,))  # until the server has seen that its owner is gone
        session.execute("SELECT RELEASE_LOCK(%s)", (scratch,))

    declared_schema(database, database_url, good, collation=COLLATION)

    assert schemas(database, scratch) == []


def test_migrations_that_do_not_use_what_they_are_given_are_refused(database, database_url, tmp_path):
    folder = tree(tmp_path / "migrations", [], env="")

    with pytest.raises(ConfigError, match=r"env\.py must use"):
        declared_schema(database, database_url, folder, collation=COLLATION)


def test_a_folder_without_migrations_is_named(database, database_url, tmp_path):
    with pytest.raises(ConfigError, match=r"no env\.py there"):
        declared_schema(database, database_url, tmp_path, collation=COLLATION)


def test_a_user_who_may_make_no_scratch_schema_is_told_the_grant(database, servers, tmp_path):
    folder = tree(tmp_path / "migrations", [executing("CREATE TABLE t (id INT PRIMARY KEY)")])
    with own.user(servers, f"ALL ON {database.schema}.*", schema=database.schema) as url:
        poor = Database(url)
        with pytest.raises(ConfigError, match=r"GRANT ALL ON `declared\\_%`"):
            declared_schema(poor, url, folder, collation=COLLATION)
        poor.close()


def telling(file: Path) -> str:
    """Of a revision: write down which schema it runs in."""
    asked = "op.get_bind().exec_driver_sql('SELECT DATABASE()').scalar()"
    return f"from pathlib import Path\nPath({str(file)!r}).write_text({asked})"


def child_building(url: str, folder: Path) -> "subprocess.Popen[str]":
    body = (
        "from pathlib import Path; from db.declared import declared_schema; from db.engine import Database; "
        f"declared_schema(Database({url!r}), {url!r}, Path({str(folder)!r}), collation={COLLATION!r})"
    )
    return subprocess.Popen([sys.executable, "-c", body], cwd=ROOT, stdout=subprocess.PIPE, text=True)
