"""Tables and columns of any name are written by every way of writing, and no name becomes SQL."""

import json
from contextlib import contextmanager

import pytest

from db import change_log, shadow_tables
from db.bulk import qualified, quoted
from db.change_log import LoggedTable
from db.processed_rows import processed_rows
from db.schema_facts import read_schema
from db.service_users import schemas, wanted
from db.target import read_target
from db.verify_rows import CheckedTable
from db.writing import TargetWriter
from migration_core.errors import ConfigError
from migration_core.folding import Effect
from migration_core.key import canonical
from migration_core.mapping import WriteMode, compile_mapping, load_mapping
from migration_core.records import Position
from migration_core.service_rights import Service

pytestmark = pytest.mark.servers

NAMES = [
    "a`b",
    "a`; DROP TABLE `kept",
    "it's",
    'a "b"',
    "a\nb",
    "a\\",
    "100%",
    "%s",
    "%(x)s",
    "ключ",
    "select",
    "a b",
    "#x",
    "/*",
    "a;b",
]
MODES = {
    WriteMode.REPLACE: "",
    WriteMode.UPSERT: ", ours INT NULL",
    WriteMode.STRICT: ", UNIQUE ({value})",
}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_no_name_becomes_sql(database, target_schema, mode):
    with database.transaction() as session:
        session.execute(f"CREATE DATABASE {target_schema}")
        session.execute(f"CREATE TABLE {target_schema}.kept (id INT)")
        for name in NAMES:
            key, value = quoted(f"{name}1"), quoted(f"{name}2")
            session.execute(
                f"CREATE TABLE {target_schema}.{quoted(name)} ({key} VARCHAR(50) PRIMARY KEY, {value} VARCHAR(50)"
                f"{MODES[mode].format(value=value)}) COLLATE utf8mb4_0900_bin"
            )
        schema = read_target(session, target_schema)

        for name in NAMES:
            stream = stream_of(schema, name)
            assert stream.tables[0].mode is mode
            writer = TargetWriter(target_schema, stream)
            writer.write(session, [image(stream, 1, "a", "x"), image(stream, 2, "b", "y")], strict=False)
            writer.write(session, [image(stream, 3, "a", "z"), Effect(canonical(["b"]), 4, None)], strict=True)

            columns = quoted(f"{name}1", f"{name}2")
            found = session.rows(f"SELECT {columns} FROM {target_schema}.{quoted(name)}")
            assert found == [("a", "z")], name


def test_no_name_becomes_sql_where_tables_are_copied_watched_compared_and_given_rights_on(
    database, database_url, target_schema
):
    hostile = f"{target_schema}`; DROP TABLE `kept"
    with own_schema(database, hostile) as session:
        session.execute(f"CREATE TABLE {quoted(hostile)}.kept (id INT)")
        for name in NAMES:
            session.execute(
                f"CREATE TABLE {qualified(hostile, name)} ({quoted(f'{name}1')} VARCHAR(50) PRIMARY KEY, "
                f"{quoted(f'{name}2')} VARCHAR(50)) COLLATE utf8mb4_0900_bin"
            )
        schema = read_target(session, hostile)

        shadow_tables.make(database, hostile, NAMES)
        shadow_tables.swap(database, hostile, NAMES)
        shadow_tables.drop_before(database, hostile, NAMES)
        change_log.turn_on(database, 1, hostile, [LoggedTable(1, name) for name in NAMES])
        for name in NAMES:
            session.execute(f"INSERT INTO {qualified(hostile, name)} VALUES ('a', 'b')")
        session.connection.commit()
        change_log.turn_off(database, hostile)
        for name in NAMES:
            stream = stream_of(schema, name)
            checked = CheckedTable.of(hostile, stream.tables[0], schema.tables[name])
            assert checked.digests_agree(session, [canonical(["a"])], [("a", "b")]), name
            assert checked.entities_after(session, ("",), limit=9) == [("a",)]
            pages = processed_rows(database, hostile, name, [f"{name}1", f"{name}2"], [f"{name}1"], page=1)
            assert list(pages) == [("a", "b")]
        where = schemas(database_url, database.schema, hostile, raw=[], mapped=NAMES)
        assert len([one for one in wanted(Service.WORKER, where) if one.schema == hostile]) == len(NAMES)

        logged = session.rows("SELECT table_name FROM change_log WHERE cutover_id = 1 ORDER BY change_id")
        assert [name for (name,) in logged] == NAMES
        assert session.rows(f"SELECT * FROM {quoted(hostile)}.kept") == []
        assert set(read_schema(session, hostile).tables) == {*NAMES, "kept"}


@pytest.mark.parametrize("name", ["", "a\0b", "a" * 65, "a" * 70_000, "kept ", "../kept", "KEPT"])
def test_a_name_that_no_table_has_is_a_fault_with_its_place_and_never_reaches_the_server(database, target_schema, name):
    with own_schema(database, target_schema) as session:
        session.execute(f"CREATE TABLE {target_schema}.kept (id VARCHAR(50) PRIMARY KEY, v INT)")
        schema = read_target(session, target_schema)

    with pytest.raises(ConfigError, match=r"^m:"):
        stream_of(schema, name)


@pytest.mark.parametrize("name", ["a`b", "raw", "a; DROP TABLE x", "../x", "A", "ü", "a" * 49, "a\0"])
def test_a_stream_whose_name_would_name_a_raw_table_is_a_plain_word(name):
    text = json.dumps({"target_schema": "t", "streams": {name: {"topic": "t", "key": "$.id", "tables": {}}}})

    with pytest.raises(ConfigError):
        load_mapping(text, file="m")


@contextmanager
def own_schema(database, name):
    with database.transaction() as session:
        session.execute(f"CREATE DATABASE {quoted(name)}")
        try:
            yield session
        finally:
            session.execute(f"DROP DATABASE {quoted(name)}")


def stream_of(schema, name):
    def yaml(text):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'

    text = (
        f"target_schema: {yaml(schema.name)}\nstreams:\n  kept:\n    topic: t\n    key: $.id\n    tables:\n"
        f"      {yaml(name)}:\n        key: {yaml(name + '1')}\n"
        f"        columns: {{{yaml(name + '1')}: $.id, {yaml(name + '2')}: $.v}}\n"
    )
    return compile_mapping(load_mapping(text, file="m"), schema=schema, functions=no_functions).streams["kept"]


def no_functions(name):
    raise LookupError(name)


def image(stream, sequence, key, value):
    rows = stream.rows({"id": key, "v": value}, Position("t", 0, sequence), None, sequence)
    return Effect(canonical([key]), sequence, rows)
