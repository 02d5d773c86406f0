"""Tables and columns of any name are written by every way of writing, and no name becomes SQL."""

import pytest

from db.bulk import quoted
from db.target import read_target
from db.writing import TargetWriter
from migration_core.folding import Effect
from migration_core.key import canonical
from migration_core.mapping import WriteMode, compile_mapping, load_mapping
from migration_core.records import Position

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


def stream_of(schema, name):
    def yaml(text):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'

    text = (
        f"target_schema: {schema.name}\nstreams:\n  kept:\n    topic: t\n    key: $.id\n    tables:\n"
        f"      {yaml(name)}:\n        key: {yaml(name + '1')}\n"
        f"        columns: {{{yaml(name + '1')}: $.id, {yaml(name + '2')}: $.v}}\n"
    )
    return compile_mapping(load_mapping(text, file="m"), schema=schema, functions=no_functions).streams["kept"]


def no_functions(name):
    raise LookupError(name)


def image(stream, sequence, key, value):
    rows = stream.rows({"id": key, "v": value}, Position("t", 0, sequence), None, sequence)
    return Effect(canonical([key]), sequence, rows)
