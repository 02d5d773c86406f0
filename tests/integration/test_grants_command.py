"""`migration schema grants`: printed and applied, again and again, and what it says where it cannot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from db.engine import Database
from db.target import read_target
from migration_core.service_rights import Service
from tests.integration.command_line import Cli
from tests.integration.own_users import REFUSED, Migrated, errno_of, gone_afterwards, migrated_by_users
from tests.servers import own

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def migrated(servers, tmp_path_factory) -> Iterator[Migrated]:
    with migrated_by_users(servers, tmp_path_factory.mktemp("migrated")) as found:
        yield found


@pytest.fixture
def cli(monkeypatch, capsys) -> Cli:
    return Cli("", monkeypatch, capsys)


@pytest.fixture
def administrator(cli, migrated) -> Cli:
    cli.env = {**migrated.env(Service.SCHEMA), "DATABASE_URL": migrated.world.environment["DATABASE_URL"]}
    return cli


@pytest.fixture
def prefix(migrated) -> Iterator[str]:
    with gone_afterwards(migrated.world) as name:
        yield name


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


@pytest.mark.parametrize("service", [Service.OPERATOR, Service.SCHEMA])
def test_whoever_may_not_give_rights_is_told_who_may(cli, migrated, prefix, tmp_path, service):
    cli.env = migrated.env(service)

    asked = ("schema", "grants", "--apply", "--prefix", prefix, "--passwords", str(tmp_path))
    code, out, err = cli.run(*asked)

    assert (code, out) == (2, "")
    assert err.startswith("the user of DATABASE_URL may not make users or give these rights (MySQL error 1227")
    assert "run it as an administrator" in err


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
