"""Every kind of drift planted on a real server: found, named, and gone after the printed statements."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from db.declared import declared_schema
from db.engine import Database
from db.schema_facts import read_schema
from migration_core.drift import Difference, SchemaFacts, Statement, differences, mending
from tests.integration.alembic_trees import executing, tree
from tests.servers import own

pytestmark = pytest.mark.servers

PEOPLE = """
CREATE TABLE people (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    email VARCHAR(120) NOT NULL,
    name VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NULL,
    height DECIMAL(4, 1) NOT NULL DEFAULT 1.5,
    born DATE NULL,
    state ENUM('active', 'it''s, over') NOT NULL DEFAULT 'it''s, over',
    seen DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    attributes JSON DEFAULT (JSON_OBJECT('k', 'it''s')),
    token BINARY(4) NOT NULL DEFAULT 'ab',
    domain VARCHAR(80) GENERATED ALWAYS AS (SUBSTRING_INDEX(email, '@', -1)) STORED,
    initial VARCHAR(1) GENERATED ALWAYS AS (LEFT(name, 1)) VIRTUAL,
    old_id INT NULL INVISIBLE,
    place POINT NOT NULL SRID 4326,
    PRIMARY KEY (id),
    UNIQUE KEY uq_people_email (email),
    KEY ix_people_name_born (name(10), born DESC),
    KEY ix_people_initial (initial),
    KEY ix_people_lower ((LOWER(email))),
    KEY ix_people_state (state) INVISIBLE,
    SPATIAL KEY ix_people_place (place),
    CONSTRAINT ck_people_height CHECK (height > 0),
    CONSTRAINT ck_people_name CHECK (name <> 'it''s') NOT ENFORCED
) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
"""
DEVICES = """
CREATE TABLE devices (
    id INT NOT NULL AUTO_INCREMENT,
    owner_id BIGINT UNSIGNED NOT NULL,
    mac BINARY(6) NULL,
    PRIMARY KEY (id),
    KEY ix_devices_owner_id (owner_id, mac),
    CONSTRAINT fk_devices_owner FOREIGN KEY (owner_id) REFERENCES people (id) ON DELETE CASCADE
) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
"""
NOTES = """
CREATE TABLE notes (
    day DATE NOT NULL,
    number INT NOT NULL,
    body VARCHAR(200) NOT NULL,
    device_id INT NOT NULL,
    PRIMARY KEY (day, number),
    KEY ix_notes_body_day (body, day),
    KEY ix_notes_device_id (device_id)
) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
"""
TABLES = (PEOPLE, DEVICES, NOTES)


@dataclass(frozen=True)
class Planted:
    """Statements that somebody ran by hand, and what `migration drift` must say of them, without the values."""

    said: str
    statements: tuple[str, ...]
    also: tuple[str, ...] = ()


def planted(said: str, *statements: str, also: tuple[str, ...] = ()) -> Planted:
    return Planted(said, statements, also)


PLANTED = [
    planted("table notes missing", "DROP TABLE notes"),
    planted("table devices missing", "DROP TABLE devices"),
    planted("table strays extra", "CREATE TABLE strays (id INT PRIMARY KEY, p BIGINT UNSIGNED, "
            "CONSTRAINT fk_strays FOREIGN KEY (p) REFERENCES people (id))"),
    planted("table notes engine", "ALTER TABLE notes ENGINE = MyISAM"),
    planted("table devices row format", "ALTER TABLE devices ROW_FORMAT = COMPACT"),
    planted("table notes collation", "ALTER TABLE notes DEFAULT CHARACTER SET latin1"),
    planted("schema live collation", "ALTER DATABASE live COLLATE utf8mb4_0900_as_ci"),
    planted("column people.born missing", "ALTER TABLE people DROP COLUMN born",
            also=("index people.ix_people_name_born columns", "index people.ix_people_name_born prefix lengths",
                  "index people.ix_people_name_born directions")),
    planted("column people.nick extra", "ALTER TABLE people ADD COLUMN nick VARCHAR(9) AFTER id"),
    planted("column people.height order", "ALTER TABLE people MODIFY height DECIMAL(4, 1) NOT NULL DEFAULT 1.5 FIRST"),
    planted("column people.email type", "ALTER TABLE people MODIFY email VARCHAR(119) NOT NULL"),
    planted("column people.height type", "ALTER TABLE people MODIFY height DECIMAL(5, 2) NOT NULL DEFAULT 1.5",
            also=("column people.height default",)),
    planted("column people.old_id type", "ALTER TABLE people MODIFY old_id INT UNSIGNED NULL INVISIBLE"),
    planted("column people.state type",
            "ALTER TABLE people MODIFY state ENUM('it''s, over', 'active') NOT NULL DEFAULT 'it''s, over'"),
    planted("column devices.owner_id type", "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner, "
            "MODIFY owner_id BIGINT NOT NULL", also=("foreign key devices.fk_devices_owner missing",)),
    planted("column people.born nullability", "ALTER TABLE people MODIFY born DATE NOT NULL"),
    planted("column people.height default", "ALTER TABLE people ALTER height SET DEFAULT 1.6"),
    planted("column people.attributes default", "ALTER TABLE people ALTER attributes SET DEFAULT (JSON_OBJECT())"),
    planted("column people.token default", "ALTER TABLE people ALTER token DROP DEFAULT"),
    planted("column people.seen on update",
            "ALTER TABLE people MODIFY seen DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)"),
    planted("column people.domain generated",
            "ALTER TABLE people MODIFY domain VARCHAR(80) GENERATED ALWAYS AS (LOWER(email)) STORED"),
    planted("column people.initial generated", "ALTER TABLE people DROP INDEX ix_people_initial, DROP COLUMN initial, "
            "ADD COLUMN initial VARCHAR(1) GENERATED ALWAYS AS (LEFT(name, 1)) STORED AFTER domain, "
            "ADD INDEX ix_people_initial (initial)"),
    planted("column people.domain generated", "ALTER TABLE people MODIFY domain VARCHAR(80) NULL"),
    planted("column people.email character set", "ALTER TABLE people MODIFY email VARCHAR(120) "
            "CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL", also=("column people.email collation",)),
    planted("column people.email collation",
            "ALTER TABLE people MODIFY email VARCHAR(120) COLLATE utf8mb4_0900_ai_ci NOT NULL"),
    planted("column devices.id auto-increment", "ALTER TABLE devices MODIFY id INT NOT NULL"),
    planted("column people.old_id visibility", "ALTER TABLE people ALTER old_id SET VISIBLE"),
    planted("column people.place srid", "ALTER TABLE people DROP INDEX ix_people_place",
            "ALTER TABLE people MODIFY place POINT NOT NULL SRID 0", "ALTER TABLE people ADD SPATIAL INDEX "
            "ix_people_place (place)"),
    planted("index people.ix_people_name_born missing", "ALTER TABLE people DROP INDEX ix_people_name_born"),
    planted("index people.uq_people_email missing", "ALTER TABLE people DROP INDEX uq_people_email"),
    planted("index notes.PRIMARY missing", "ALTER TABLE notes DROP PRIMARY KEY"),
    planted("index people.ix_extra extra", "ALTER TABLE people ADD INDEX ix_extra (height)"),
    planted("index people.uq_people_email uniqueness",
            "ALTER TABLE people DROP INDEX uq_people_email, ADD INDEX uq_people_email (email)"),
    planted("index notes.PRIMARY columns", "ALTER TABLE notes DROP PRIMARY KEY, ADD PRIMARY KEY (number, day)"),
    planted("index notes.ix_notes_body_day columns",
            "ALTER TABLE notes DROP INDEX ix_notes_body_day, ADD INDEX ix_notes_body_day (day, body)"),
    planted("index devices.ix_devices_owner_id columns",
            "ALTER TABLE devices DROP INDEX ix_devices_owner_id, ADD INDEX ix_devices_owner_id (owner_id)",
            also=("index devices.ix_devices_owner_id prefix lengths", "index devices.ix_devices_owner_id directions")),
    planted("index people.ix_people_lower columns",
            "ALTER TABLE people DROP INDEX ix_people_lower, ADD INDEX ix_people_lower ((UPPER(email)))"),
    planted("index people.ix_people_name_born prefix lengths", "ALTER TABLE people DROP INDEX ix_people_name_born, "
            "ADD INDEX ix_people_name_born (name(9), born DESC)"),
    planted("index people.ix_people_name_born directions", "ALTER TABLE people DROP INDEX ix_people_name_born, "
            "ADD INDEX ix_people_name_born (name(10), born)"),
    planted("index people.uq_people_email visibility", "ALTER TABLE people ALTER INDEX uq_people_email INVISIBLE"),
    planted("index people.ix_people_state visibility", "ALTER TABLE people ALTER INDEX ix_people_state VISIBLE"),
    planted("index notes.ix_notes_body_day kind", "ALTER TABLE notes DROP INDEX ix_notes_body_day, "
            "ADD FULLTEXT INDEX ix_notes_body_day (body)",
            also=("index notes.ix_notes_body_day columns", "index notes.ix_notes_body_day prefix lengths",
                  "index notes.ix_notes_body_day directions")),
    planted("foreign key devices.fk_devices_owner missing", "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner"),
    planted("foreign key notes.fk_notes extra",
            "ALTER TABLE notes ADD CONSTRAINT fk_notes FOREIGN KEY (device_id) REFERENCES devices (id)"),
    planted("foreign key devices.fk_devices_owner ON DELETE", "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner",
            "ALTER TABLE devices ADD CONSTRAINT fk_devices_owner FOREIGN KEY (owner_id) REFERENCES people (id)"),
    planted("foreign key devices.fk_devices_owner ON UPDATE", "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner",
            "ALTER TABLE devices ADD CONSTRAINT fk_devices_owner FOREIGN KEY (owner_id) REFERENCES people (id) "
            "ON DELETE CASCADE ON UPDATE CASCADE"),
    planted("foreign key devices.fk_devices_owner parent", "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner",
            "CREATE TABLE others (id BIGINT UNSIGNED PRIMARY KEY)", "ALTER TABLE devices ADD CONSTRAINT "
            "fk_devices_owner FOREIGN KEY (owner_id) REFERENCES others (id) ON DELETE CASCADE",
            also=("table others extra",)),
    planted("column people.id type", "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner",
            "ALTER TABLE people MODIFY id BIGINT NOT NULL AUTO_INCREMENT", "ALTER TABLE devices MODIFY owner_id BIGINT "
            "NOT NULL, ADD CONSTRAINT fk_devices_owner FOREIGN KEY (owner_id) REFERENCES people (id) ON DELETE CASCADE",
            also=("column devices.owner_id type",)),
    planted("check people.ck_people_height missing", "ALTER TABLE people DROP CHECK ck_people_height"),
    planted("check people.ck_new extra", "ALTER TABLE people ADD CONSTRAINT ck_new CHECK (height < 9)"),
    planted("check people.ck_people_height expression", "ALTER TABLE people DROP CHECK ck_people_height, "
            "ADD CONSTRAINT ck_people_height CHECK (height >= 0)"),
    planted("check people.ck_people_name enforced", "ALTER TABLE people ALTER CHECK ck_people_name ENFORCED"),
    planted("auto-increment devices.id head-room", "ALTER TABLE devices AUTO_INCREMENT = 1800000000"),
]  # fmt: skip


class Live:
    """A live schema, made as declared and then changed by hand."""

    def __init__(self, database: Database, name: str) -> None:
        self.database, self.name = database, name

    def run(self, *statements: str) -> None:
        with self.database.transaction() as session:
            session.execute(f"USE {self.name}")
            for statement in statements:
                session.execute(statement.replace("DATABASE live", f"DATABASE {self.name}"))
            session.execute("USE mysql")

    def run_elsewhere(self, statements: tuple[Statement, ...]) -> None:
        """As printed: each statement names the schema itself."""
        with self.database.transaction() as session:
            for statement in statements:
                session.execute(statement.sql)

    def look_as_a_client(self) -> None:
        """The server remembers for a day what it answers outside of a transaction."""
        with self.database.transaction() as session:
            session.execute("SET autocommit = 1, SESSION information_schema_stats_expiry = DEFAULT")
            session.rows("SELECT auto_increment FROM information_schema.tables WHERE table_schema = %s", (self.name,))
            session.execute("SET autocommit = 0")

    def facts(self) -> SchemaFacts:
        with self.database.transaction() as session:
            return read_schema(session, self.name)

    def said(self, declared: SchemaFacts) -> set[str]:
        """Differences as "subject table.name what"."""
        return {self._said(one) for one in differences(declared, self.facts())}

    def _said(self, one: Difference) -> str:
        place = f"{one.table}.{one.name}" if one.table and one.name != one.table else one.name
        return f"{one.subject} {place} {one.what}".replace(self.name, "live")


@pytest.fixture(scope="module")
def server(servers) -> Iterator[Database]:
    database = Database(own.schema_url(servers, "mysql"))
    yield database
    database.close()


@pytest.fixture(scope="module")
def declared(server, servers, tmp_path_factory) -> SchemaFacts:
    folder = tree(tmp_path_factory.mktemp("drift") / "migrations", [executing(table) for table in TABLES])
    found = declared_schema(server, own.schema_url(servers, "mysql"), folder, collation="utf8mb4_0900_bin")
    return SchemaFacts(found.name, found.collation, {n: t for n, t in found.tables.items() if n != "shop_version"})


@pytest.fixture
def live(server, servers) -> Iterator[Live]:
    name = own.fresh("live")
    with own.dropped_afterwards(servers, name):
        schema = Live(server, name)
        with server.transaction() as session:
            session.execute(f"CREATE DATABASE {name} COLLATE utf8mb4_0900_bin")
        schema.run(*TABLES)
        yield schema


def test_a_schema_as_declared_has_no_drift(declared, live):
    assert differences(declared, live.facts()) == ()


@pytest.mark.parametrize("one", PLANTED, ids=[f"{one.said} {number}" for number, one in enumerate(PLANTED)])
def test_each_kind_of_drift_is_found_named_and_mended_by_the_printed_statements(one, declared, live):
    live.run(*one.statements)

    assert live.said(declared) == {one.said, *one.also}

    facts = live.facts()
    live.run_elsewhere(mending(declared, facts, differences(declared, facts)))
    assert live.said(declared) == set()


def test_everything_at_once_is_mended_too(declared, live):
    live.run(
        "ALTER TABLE devices DROP FOREIGN KEY fk_devices_owner, MODIFY owner_id BIGINT NOT NULL FIRST, ADD x INT",
        "ALTER TABLE people DROP COLUMN born, DROP INDEX uq_people_email, MODIFY place POINT NOT NULL SRID 4326 FIRST, "
        "DROP CHECK ck_people_height, MODIFY id BIGINT NOT NULL, DEFAULT CHARACTER SET latin1",
        "DROP TABLE notes",
        "CREATE TABLE parents (id INT PRIMARY KEY)",
        "CREATE TABLE children (id INT PRIMARY KEY, CONSTRAINT fk_up FOREIGN KEY (id) REFERENCES parents (id))",
        "ALTER TABLE parents ADD CONSTRAINT fk_down FOREIGN KEY (id) REFERENCES children (id)",
    )

    facts = live.facts()
    live.run_elsewhere(mending(declared, facts, differences(declared, facts)))

    assert live.said(declared) == set()


def test_rows_survive_the_statements_and_those_that_remove_data_say_so(declared, live):
    live.run(
        "INSERT INTO people (email, place) VALUES ('a@b.c', ST_SRID(POINT(1, 2), 4326))",
        "ALTER TABLE people DROP INDEX uq_people_email, MODIFY height DECIMAL(6, 2) NOT NULL",
        "ALTER TABLE notes ADD COLUMN stray INT",
        "CREATE TABLE strays (id INT PRIMARY KEY)",
    )

    facts = live.facts()
    statements = mending(declared, facts, differences(declared, facts))
    live.run_elsewhere(statements)

    assert [one.sql.partition(f"{live.name}`.")[2].split()[0] for one in statements if one.removes_data] == [
        "`notes`",
        "`strays`",
    ]
    with live.database.transaction() as session:
        assert session.rows(f"SELECT email, domain FROM {live.name}.people") == [("a@b.c", "b.c")]


def test_tables_with_odd_names_comments_and_partitions_are_made_again(live):
    live.run(
        "CREATE TABLE `a``b) ENGINE,` (`x,``y` INT NOT NULL COMMENT 'one,\ntwo;\tit''s', `KEY ``z` VARCHAR(9) NOT NULL "
        "DEFAULT 'a\nb, `c`', PRIMARY KEY (`x,``y`), KEY `i``, (` (`KEY ``z`), CONSTRAINT `c``,` CHECK "
        "(`KEY ``z` <> 'p\nq, (')) COMMENT 'no\n) ENGINE=' PARTITION BY HASH (`x,``y`) PARTITIONS 2"
    )
    before = live.facts()
    live.run("DROP TABLE `a``b) ENGINE,`")

    live.run_elsewhere(mending(before, live.facts(), differences(before, live.facts())))

    assert differences(before, live.facts()) == ()


def test_a_full_counter_that_no_statement_can_mend_asks_for_a_revision(declared, live):
    live.look_as_a_client()
    live.run(
        "SET foreign_key_checks = 0",
        "INSERT INTO devices (id, owner_id) VALUES (2000000000, 1)",
        "SET foreign_key_checks = 1",
    )

    facts = live.facts()
    found = differences(declared, facts)

    assert [(one.live, one.declared) for one in found] == [
        ("2,000,000,000 of 2,147,483,647 used", "at most 75% used: a revision must widen the column")
    ]
    assert mending(declared, facts, found) == ()
