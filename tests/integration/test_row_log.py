"""The row log says what was committed to a table, whatever its columns are, and nothing else."""

import pytest

from db.engine import Database
from tests.chaos.row_log import RowLog, Watched

pytestmark = pytest.mark.servers

_WIDE = """
CREATE TABLE wide (
    a TINYINT, b SMALLINT, c MEDIUMINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h YEAR, i DATE, j TIMESTAMP(3) NULL,
    k DATETIME(6), l TIME(1), m DECIMAL(30, 7), n BIT(11), o CHAR(3), p CHAR(255), q ENUM('x', 'y'), r SET('x', 'y'),
    s VARBINARY(512), t JSON, u LONGTEXT, v GEOMETRY, w BINARY(4),
    id VARCHAR(40) NOT NULL, part BIGINT NOT NULL, source_sequence BIGINT NOT NULL, z INT,
    PRIMARY KEY (id, part)
)
"""
_VALUES = (
    "1, 2, 3, 4, 5, 1.5, 2.5, 2020, '2020-01-02', '2020-01-02 03:04:05.678', '2020-01-02 03:04:05.123456', "
    "'11:12:13.1', 12345678901234567890123.1234567, b'10101010101', 'abc', REPEAT('é', 255), 'y', 'x,y', "
    "REPEAT('z', 500), '{\"a\": [1, 2.5, \"b\"]}', REPEAT('long', 50000), POINT(1, 2), 'ab'"
)
_WATCHED = {"wide": Watched(key=(23, 24), sequence=25)}


def run(database: Database, *statements: str) -> None:
    with database.transaction() as session:
        for statement in statements:
            session.execute(statement)


def undone(database: Database) -> None:
    with database.transaction() as session:
        session.execute("UPDATE wide SET source_sequence = 2")
        raise ZeroDivisionError


@pytest.fixture
def wide(database):
    run(database, _WIDE)
    return database


def test_every_write_is_told_with_its_key_and_sequence_past_columns_of_every_type(wide, database_url):
    log = RowLog(database_url)
    since = log.place()

    run(wide, f"INSERT INTO wide VALUES ({_VALUES}, 'é-1', 7, 10, 1), ({_VALUES}, 'b', 8, 11, NULL)")
    run(wide, "UPDATE wide SET source_sequence = 12, u = NULL, j = NULL WHERE part = 7")
    run(wide, "REPLACE INTO wide (id, part, source_sequence) VALUES ('b', 8, 13)", "DELETE FROM wide WHERE part = 7")
    run(wide, "UPDATE wide SET part = 9, source_sequence = 14")

    found = list(log.changes(since, wide.schema, _WATCHED))
    assert [(one.key, one.sequence) for one in found] == [
        (("é-1", 7), 10),
        (("b", 8), 11),
        (("é-1", 7), 12),
        (("b", 8), 13),
        (("é-1", 7), None),
        (("b", 8), None),
        (("b", 9), 14),
    ]


def test_what_is_rolled_back_or_written_elsewhere_or_earlier_is_not_told(wide, database_url):
    log = RowLog(database_url)
    run(wide, "CREATE TABLE other LIKE wide", "INSERT INTO wide (id, part, source_sequence) VALUES ('a', 1, 1)")
    since = log.place()

    with pytest.raises(ZeroDivisionError):
        undone(wide)
    run(wide, "INSERT INTO other (id, part, source_sequence) VALUES ('a', 1, 1)")

    assert list(log.changes(since, wide.schema, _WATCHED)) == []


def test_a_row_log_that_is_continued_in_another_file_is_read_on(wide, database_url):
    log = RowLog(database_url)
    since = log.place()

    for sequence in (1, 2, 3):
        run(wide, f"REPLACE INTO wide (id, part, source_sequence) VALUES ('a', 1, {sequence})", "FLUSH BINARY LOGS")

    assert log.place().file != since.file
    assert [one.sequence for one in log.changes(since, wide.schema, _WATCHED)] == [1, 2, 3]
