"""Each service as a MySQL user of its own: what it may do is enough for its part, and for nothing else."""

from collections.abc import Iterator

import pytest

from db.engine import Database
from db.server_facts import own_grants
from db.tables import metadata
from migration_core.mapping import load_mapping
from migration_core.service_rights import Service, Tables, Where, needs
from tests.integration.command_line import Cli
from tests.integration.own_users import REFUSED, VERIFIER, Migrated, errno_of, migrated_by_users

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def migrated(servers, tmp_path_factory) -> Iterator[Migrated]:
    with migrated_by_users(servers, tmp_path_factory.mktemp("migrated")) as found:
        world = found.world
        world.publish_initial()
        world.begin_writing(seconds=1)
        world.take_snapshot("--part-rows", "500")
        world.start_services(workers=2)
        world.start("verifier-1", VERIFIER)
        world.prove()
        yield found


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

    assert world.stored() > 500
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
    (1, "compare", "users", "nobody"),
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


@pytest.mark.parametrize(
    "command",
    ["status", "ledger --prove", "verify --workers 1", "compare users --random 2", "report --out {folder}/verified"],
)
def test_the_verifiers_user_can_look_at_everything(cli, migrated, command):
    cli.env = migrated.env(Service.VERIFIER)

    code, out, err = cli.run(*command.format(folder=migrated.world.folder).split())

    assert "denied" not in out + err
    assert code in (0, 1), out + err


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


def test_the_statistics_user_counts_in_full_and_what_has_changed(cli, migrated):
    cli.env = migrated.env(Service.STATISTICS)

    runs = [cli.run("statistics", *words) for words in STATISTICS]

    assert [(code, err) for code, _, err in runs if code or "denied" in err] == []
    assert {one["last_run"]["state"] for one in cli.json("statistics", "list")} == {"done"}


STATISTICS = [
    ("run", "active_devices", "--json"),
    ("run", "active_devices", "--json"),
    ("run", "active_devices", "--full", "--json"),
    ("run", "device_owners", "--json"),
    ("show", "active_devices"),
]


@pytest.mark.parametrize("service", Service)
def test_the_preflight_finds_that_each_user_has_what_its_service_needs(cli, migrated, service):
    cli.env = migrated.env(service)

    # These do not see all that there is, so that other parts of the preflight are not theirs.
    blind = service in (Service.LOADER, Service.MASTER, Service.STATISTICS)
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
    "SELECT": "SELECT * FROM {table} LIMIT 0",
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
    raw = tuple(f"raw_{name}" for name in model.streams)
    for need in needs(service, Tables(raw, tuple(mapped), statistics=model.statistic_tables)):
        found.setdefault((names[need.where], need.table), set()).update(need.rights)
    return found


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
    Service.STATISTICS: [
        "SELECT value FROM {control}.raw_devices",
        "DELETE FROM {target}.devices",
        "UPDATE {target}.devices SET status = 'active'",
        "DELETE FROM {control}.run",
        "UPDATE {control}.lane_progress SET applied = 0",
        "RENAME TABLE {target}.devices TO {target}.active_devices__before",
        "DROP TABLE {target}.devices",
        "CREATE TABLE {target}.devices__shadow LIKE {target}.devices",
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
