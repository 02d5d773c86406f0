"""Each service as a MySQL user of its own: what it may do is enough for its part, and for nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from db.engine import Database
from db.failure import SqlError
from db.server_facts import own_grants
from db.tables import metadata
from db.target import read_target
from examples.health_devices import scenario as health_devices
from migration_core.mapping import load_mapping
from migration_core.service_rights import Service, Tables, Where, needs
from tests.integration.command_line import Cli
from tests.integration.migrating import LOADER, MASTER, WORKER, Migrating, migrating
from tests.servers import own

pytestmark = pytest.mark.servers

MODULES = {LOADER: Service.LOADER, MASTER: Service.MASTER, WORKER: Service.WORKER}
VERIFIER = "migration_verifier"
REFUSED = {1044, 1045, 1142, 1143, 1227, 1370}
"""Access denied: to a schema, to a table, to a column, for want of a global right, to a routine."""


class Migrated:
    """A small migration that was done by programs that are no root, and the users that they were."""

    def __init__(self, world: Migrating, urls: dict[Service, str], target: str) -> None:
        self.world = world
        self.urls = urls
        self.control = world.database.schema
        self.target = target

    def env(self, service: Service) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return {**keep, **self.world.environment, "DATABASE_URL": self.urls[service]}

    def refusal(self, service: Service, sql: str) -> int | None:
        """The error that this statement ends with for the user of `service`; whatever it did is taken back."""
        database = Database(self.urls[service], pool_size=1)
        try:
            with database.transaction() as session:
                session.execute(sql)
                session.connection.rollback()
        except SqlError as error:
            return error.errno
        finally:
            database.close()
        return None


@pytest.fixture(scope="module")
def migrated(servers, tmp_path_factory) -> Iterator[Migrated]:
    folder = tmp_path_factory.mktemp("migrated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        with migrating(servers, health_devices.scenario(60), folder) as world:
            (world.scenario.mapping.parent / "migrations").symlink_to(health_devices.scenario().migrations)
            prefix = f"{own.fresh('u')}_"
            try:
                urls = users_made(world, folder / "passwords", prefix)
                world.fate = lambda module: {"DATABASE_URL": urls[MODULES.get(module, Service.VERIFIER)]}
                yield Migrated(world, urls, world.scenario.target_schema)
            finally:
                with world.database.transaction() as session:
                    for service in Service:
                        session.execute(f"DROP USER IF EXISTS `{prefix}{service}`")


def users_made(world: Migrating, passwords: Path, prefix: str) -> dict[Service, str]:
    arguments = ("schema", "grants", "--apply", "--passwords", str(passwords), "--prefix", prefix)
    world.children.run("grants", "migration_cli", *arguments)
    return {
        service: make_url(world.environment["DATABASE_URL"])
        .set(username=f"{prefix}{service}", password=(passwords / service).read_text().strip())
        .render_as_string(hide_password=False)
        for service in Service
    }


@pytest.fixture
def cli(monkeypatch, capsys) -> Cli:
    return Cli("", monkeypatch, capsys)


@pytest.fixture
def operator(cli, migrated) -> Cli:
    cli.env = migrated.env(Service.OPERATOR)
    return cli


# enough


def test_a_migration_is_done_by_services_that_can_do_nothing_but_their_part(migrated):
    world = migrated.world
    world.publish_initial()
    world.begin_writing(seconds=1)
    world.take_snapshot("--part-rows", "500")
    world.start_services(workers=2)
    world.start("verifier-1", VERIFIER)

    verdict = world.prove()

    assert verdict.rows_compared["measurements"] > 100
    assert not world.exits
    logs = {file.name: file.read_text() for file in (world.folder / "logs").glob("*.log")}
    assert {"loader-1.log", "master-1.log", "worker-1.log", "verifier-1.log"} <= logs.keys()
    for name, log in logs.items():
        assert "denied" not in log, name


COMMANDS = [
    (0, "status"),
    (0, "ledger", "--prove"),
    (0, "rejects", "list"),
    (0, "pause", "users"),
    (0, "resume", "users"),
    (0, "rate", "users", "1000"),
    (0, "rate", "users", "off"),
    (0, "throttle", "--threads-running", "64"),
    (0, "throttle", "--off"),
    (0, "breaker", "users", "--share", "50"),
    (0, "stop-at", "users", "--clear"),
    (1, "compare", "users", "--random", "2"),
    (0, "verify", "--workers", "1"),
    (1, "report", "--out", "{folder}/report"),
    (0, "purge", "users", "--older-than", "0", "--yes"),
    (0, "reload", "users"),
    (0, "reload", "users", "--abandon"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[1:3]))
def test_whoever_operates_can_do_all_but_change_a_schema(operator, migrated, command):
    code, *words = command

    found, out, err = operator.run(*(word.format(folder=migrated.world.folder) for word in words), "--json")

    assert "denied" not in out + err
    assert found == code, out + err


def test_whoever_operates_settles_rejects(operator):
    first, second, *_ = [one["pattern"] for one in operator.json("rejects", "list")]

    assert operator.json("rejects", "redrive", first, "--by", "Ada")["ended"]
    assert operator.json("rejects", "accept", second, "--by", "Ada", "--because", "planted")
    assert operator.json("rejects", "reopen", second, "--by", "Ada")


@pytest.mark.parametrize(
    "command",
    [
        "schema upgrade",
        "schema current",
        "schema compare",
        "drift",
        "replay-schema users",
        "replay-schema users --drop",
    ],
)
def test_the_schemas_user_can_change_schemas(cli, migrated, command):
    cli.env = migrated.env(Service.SCHEMA)

    code, out, err = cli.run(*command.split())

    assert code == 0, out + err


@pytest.mark.parametrize("service", Service)
def test_the_preflight_finds_that_each_user_has_what_its_service_needs(cli, migrated, service):
    cli.env = migrated.env(service)

    # Loader and master see no processed table, so that other parts of the preflight are not theirs.
    blind = service in (Service.LOADER, Service.MASTER)
    found = cli.json("preflight", "--service", service, code=int(blind))

    assert {one["verdict"] for one in found if one["part"] == "grants"} == {"pass"}


def test_the_preflight_names_the_grant_that_another_service_would_need(cli, migrated):
    cli.env = migrated.env(Service.MASTER)

    found = cli.json("preflight", "--service", "worker", code=1)

    told = {one["check"]: one["remedy"] for one in found if one["part"] == "grants" and one["verdict"] == "fail"}
    place = f"{migrated.control}.parked_key"
    assert told[place].startswith(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{migrated.control}`.`parked_key` TO")


# and no more


def tables_of(migrated: Migrated) -> list[tuple[str, str]]:
    with migrated.world.database.transaction() as session:
        return session.rows(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema IN (%s, %s) AND table_type = 'BASE TABLE'",
            (migrated.control, migrated.target),
        )


@pytest.mark.parametrize("service", [one for one in Service if one is not Service.SCHEMA])
def test_what_is_declared_is_allowed_and_all_else_refused_table_by_table_and_right_by_right(migrated, service):
    declared = declared_for(service, migrated)
    database = Database(migrated.urls[service], pool_size=1)
    unlike = []
    with database.transaction() as session:
        for schema, table in tables_of(migrated):
            rights = declared.get((schema, table), set()) | declared.get((schema, None), set())
            for right, statement in STATEMENTS.items():
                errno = errno_of(session, statement.format(table=f"`{schema}`.`{table}`", column=column_of(table)))
                if (errno in REFUSED) == (right in rights):
                    unlike.append((table, right, errno))
    database.close()

    assert unlike == []


STATEMENTS = {
    "SELECT": "SELECT 1 FROM {table} LIMIT 0",
    "INSERT": "INSERT INTO {table} () SELECT 1 FROM (SELECT 1) AS none WHERE FALSE",
    "UPDATE": "UPDATE {table} SET {column} = NULL LIMIT 0",
    "DELETE": "DELETE FROM {table} LIMIT 0",
}


def column_of(table: str) -> str:
    """One that no right on single columns names."""
    return next(iter(metadata.tables[table].columns)).name if table in metadata.tables else "lane"


def declared_for(service: Service, migrated: Migrated) -> dict[tuple[str, str | None], set[str]]:
    """{(schema, table): rights}; None is the whole schema."""
    model = load_mapping(migrated.world.scenario.mapping.read_text(), file="m").model
    mapped = {name for stream in model.streams.values() for name in stream.tables}
    names = {Where.CONTROL: migrated.control, Where.TARGET: migrated.target, Where.SCRATCH: ""}
    found: dict[tuple[str, str | None], set[str]] = {}
    for need in needs(service, Tables(tuple(f"raw_{name}" for name in model.streams), tuple(mapped))):
        found.setdefault((names[need.where], need.table), set()).update(need.rights)
    return found


def errno_of(session, sql: str) -> int | None:
    try:
        session.execute(sql)
    except Exception as error:  # noqa: BLE001 - the driver's own, whatever its class
        return error.args[0]
    return None


BEYOND = {
    Service.LOADER: [
        "UPDATE {control}.source_offset SET next_offset = 0",
        "UPDATE {control}.lane_progress SET applied = 0",
        "UPDATE {control}.raw_users SET value = NULL",
        "INSERT INTO {target}.users (id) VALUES ('x')",
        "SELECT * FROM {target}.users",
    ],
    Service.MASTER: [
        "INSERT INTO {target}.users (id) VALUES ('x')",
        "SELECT value FROM {control}.raw_users",
        "DELETE FROM {control}.raw_users",
        "UPDATE {control}.lane_progress SET applied = 0",
        "UPDATE {control}.target_health SET max_threads_running = NULL",
        "UPDATE {control}.stream_state SET stop_position = NULL",
    ],
    Service.WORKER: [
        "UPDATE {control}.source_offset SET next_offset = 0",
        "DELETE FROM {control}.raw_users",
        "INSERT INTO {control}.raw_users (lane) VALUES (0)",
        "UPDATE {control}.lane_head SET head = 0",
        "UPDATE {control}.lane_progress SET audited = 0",
        "UPDATE {control}.lane_progress SET mapping_hash = NULL",
        "UPDATE {control}.stream_state SET rate_limit = NULL",
        "DELETE FROM {control}.reject",
        "INSERT INTO {control}.reject_decision (pattern_id) VALUES (1)",
        "SELECT * FROM {control}.cutover",
    ],
    Service.VERIFIER: [
        "UPDATE {target}.users SET login = NULL",
        "DELETE FROM {target}.users",
        "UPDATE {control}.lane_progress SET applied = 0",
        "DELETE FROM {control}.row_outcome",
        "DELETE FROM {control}.ledger_remainder",
        "INSERT INTO {control}.reject_decision (pattern_id) VALUES (1)",
    ],
    Service.OPERATOR: [
        "UPDATE {control}.raw_users SET value = NULL",
        "UPDATE {control}.cutover_step SET ending = 'passed'",
        "UPDATE {control}.stream SET lanes = 1",
        "DELETE FROM {control}.reject_decision",
        "DELETE FROM {control}.ledger_remainder",
    ],
    Service.SCHEMA: ["CREATE DATABASE {control}_other", "CREATE TABLE mysql.mine (id INT)"],
}


@pytest.mark.parametrize(
    ("service", "sql"), [(service, sql) for service, listed in BEYOND.items() for sql in listed], ids=str
)
def test_what_only_another_service_does_is_refused(migrated, service, sql):
    assert migrated.refusal(service, sql.format(control=migrated.control, target=migrated.target)) in REFUSED


OF_NOBODY = [
    "CREATE USER nobody_else",
    "GRANT SELECT ON {control}.stream TO CURRENT_USER()",
    "SET GLOBAL local_infile = 0",
    "SELECT 1 INTO OUTFILE '/tmp/nobody'",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE {control}.run",
    "SELECT * FROM mysql.user",
    "SHUTDOWN",
    "FLUSH PRIVILEGES",
    "CREATE FUNCTION {control}.f() RETURNS INT DETERMINISTIC RETURN 1",
    "SET SESSION sql_log_bin = 0",
]
DDL = [
    "CREATE TABLE {control}.mine (id INT)",
    "ALTER TABLE {control}.stream ADD COLUMN mine INT",
    "DROP TABLE {control}.stream",
    "TRUNCATE TABLE {control}.raw_users",
    "CREATE INDEX mine ON {target}.users (id)",
    "ALTER TABLE {target}.users DROP PRIMARY KEY",
    "DROP TABLE {target}.users",
    "CREATE VIEW {target}.mine AS SELECT 1",
    "CREATE DATABASE declared_mine",
    "CREATE TABLE {target}.mine (id INT, FOREIGN KEY (id) REFERENCES {target}.users (id))",
]


@pytest.mark.parametrize("service", Service)
def test_nobody_rules_the_server_and_only_the_schemas_user_has_ddl(migrated, service):
    refused = OF_NOBODY if service is Service.SCHEMA else [*OF_NOBODY, *DDL]

    found = {
        sql: migrated.refusal(service, sql.format(control=migrated.control, target=migrated.target)) for sql in refused
    }

    assert {sql: errno for sql, errno in found.items() if errno not in REFUSED} == {}
    database = Database(migrated.urls[service], pool_size=1)
    assert "GRANT USAGE ON *.* TO" in own_grants(database)[0]
    assert not [line for line in own_grants(database) if "GRANT OPTION" in line]
    database.close()


# what decides how rows are written


def test_the_workers_user_is_shown_all_that_decides_how_rows_are_written_as_root_is(
    administrator, migrated, servers, prefix, tmp_path
):
    target = migrated.target
    with migrated.world.database.transaction() as session:
        session.execute(
            f"CREATE TABLE {target}.others (id VARCHAR(20) COLLATE utf8mb4_0900_bin, "
            f"CONSTRAINT theirs FOREIGN KEY (id) REFERENCES {target}.users (id) ON DELETE CASCADE)"
        )
        session.execute(f"CREATE TRIGGER {target}.theirs AFTER DELETE ON {target}.devices FOR EACH ROW SET @gone = 1")
        as_root = read_target(session, target)
    try:
        asked = ("schema", "grants", "--apply", "--service", "worker", "--prefix", prefix)
        administrator.json(*asked, "--passwords", str(tmp_path))
        url = make_url(administrator.env["DATABASE_URL"])
        worker = Database(
            url.set(username=f"{prefix}worker", password=(tmp_path / "worker").read_text().strip()).render_as_string(
                hide_password=False
            ),
            pool_size=1,
        )

        with worker.transaction() as session:
            seen = read_target(session, target)
            errno = errno_of(session, f"SELECT * FROM {target}.others")

        worker.close()
        for table in migrated.world.tables:
            assert seen.tables[table.name] == as_root.tables[table.name]
        assert seen.tables["users"].referenced_by
        assert seen.tables["devices"].triggers == ("theirs",)
        assert errno in REFUSED
    finally:
        with migrated.world.database.transaction() as session:
            session.execute(f"DROP TRIGGER {target}.theirs")
            session.execute(f"DROP TABLE {target}.others")


# the command


@pytest.fixture
def administrator(cli, migrated) -> Cli:
    cli.env = {**migrated.env(Service.SCHEMA), "DATABASE_URL": migrated.world.environment["DATABASE_URL"]}
    return cli


@pytest.fixture
def prefix(migrated) -> Iterator[str]:
    name = f"{own.fresh('v')}_"
    yield name
    with migrated.world.database.transaction() as session:
        for service in Service:
            session.execute(f"DROP USER IF EXISTS `{name}{service}`")


def test_printed_statements_hold_no_password_and_can_be_run(administrator, migrated, prefix):
    code, out, err = administrator.run("schema", "grants", "--service", "worker", "--prefix", prefix)

    assert (code, err) == (0, "")
    first, *grants = out.splitlines()
    assert first == f"CREATE USER IF NOT EXISTS `{prefix}worker`@`%` IDENTIFIED BY RANDOM PASSWORD;"
    assert f"GRANT SELECT ON `{migrated.control}`.`raw_users` TO `{prefix}worker`@`%`;" in grants
    with migrated.world.database.transaction() as session:
        for statement in (first, *grants):
            session.execute(statement.rstrip(";"))


def test_applying_twice_changes_nothing_and_what_is_no_longer_needed_is_revoked(
    administrator, migrated, prefix, tmp_path
):
    asked = ("schema", "grants", "--apply", "--service", "master", "--prefix", prefix, "--passwords", str(tmp_path))
    administrator.json(*asked)
    password = (tmp_path / "master").read_text()
    with migrated.world.database.transaction() as session:
        before = session.rows(f"SHOW GRANTS FOR `{prefix}master`")
        session.execute(f"GRANT DELETE ON {migrated.control}.raw_users TO `{prefix}master`")
        session.execute(f"GRANT FILE ON *.* TO `{prefix}master`")

    administrator.json(*asked)

    with migrated.world.database.transaction() as session:
        assert session.rows(f"SHOW GRANTS FOR `{prefix}master`") == before
    assert (tmp_path / "master").read_text() == password
    assert (tmp_path / "master").stat().st_mode & 0o777 == 0o600


def test_passwords_come_from_the_environment_and_are_never_shown(administrator, migrated, prefix):
    administrator.env["MIGRATION_LOADER_PASSWORD"] = "canary-4711"

    code, out, err = administrator.run(
        "schema", "grants", "--apply", "--service", "loader", "--prefix", prefix, "--require-tls"
    )

    assert code == 0, err
    assert "canary" not in out + err
    url = make_url(migrated.world.environment["DATABASE_URL"]).set(username=f"{prefix}loader", password="canary-4711")
    database = Database(url.render_as_string(hide_password=False), pool_size=1)
    with database.transaction() as session:
        assert session.one("SELECT 1") == (1,)
    database.close()
    with migrated.world.database.transaction() as session:
        [(made,)] = session.rows(f"SHOW CREATE USER `{prefix}loader`")
    assert "REQUIRE SSL" in made


def test_a_user_without_a_password_and_a_table_that_is_not_there_are_told_with_the_remedy(
    administrator, migrated, prefix, tmp_path
):
    code, _, err = administrator.run("schema", "grants", "--apply", "--service", "loader", "--prefix", prefix)
    assert (code, err.startswith("the user of loader is not there and has no password: set MIGRATION_LOADER")) == (2, 1)

    mapping = tmp_path / "other.yaml"
    mapping.write_text(Path(administrator.env["MIGRATION_CONFIG"]).read_text().replace("  users:\n", "  people:\n", 1))
    administrator.env["MIGRATION_CONFIG"] = str(mapping)
    code, _, err = administrator.run("schema", "grants", "--service", "loader")
    assert (code, f"{migrated.control}.raw_people" in err, "migration schema upgrade" in err) == (2, True, True)


def test_the_schemas_user_can_be_made_before_its_schemas_and_then_makes_them(
    administrator, migrated, servers, prefix, tmp_path
):
    new, target = own.fresh("new"), own.fresh("new")
    mapping = tmp_path / "new.yaml"
    text = Path(administrator.env["MIGRATION_CONFIG"]).read_text()
    mapping.write_text(text.replace(f"target_schema: {migrated.target}", f"target_schema: {target}"))
    url = make_url(administrator.env["DATABASE_URL"]).set(database=new)
    administrator.env |= {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "MIGRATION_CONFIG": str(mapping),
        "MIGRATION_SCHEMA_PASSWORD": "canary-4711",
    }
    told = administrator.json("schema", "grants", "--apply", "--service", "schema", "--prefix", prefix)
    own_url = url.set(username=f"{prefix}schema", password="canary-4711")
    administrator.env["DATABASE_URL"] = own_url.render_as_string(hide_password=False)

    with own.dropped_afterwards(servers, new, target):
        assert administrator.json("schema", "upgrade", "--create")["streams"]

    assert "canary" not in str(told)
