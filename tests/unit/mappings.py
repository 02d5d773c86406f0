"""Small mappings and processed schemas for tests, without a server."""

from functools import cache, partial

from migration_core.mapping import compile_mapping, load_mapping
from migration_core.records import Position
from migration_core.target import TargetColumn, TargetIndex, TargetSchema, TargetTable

SIMPLE = """\
target_schema: shop
streams:
  users:
    topic: legacy.users
    key: $.id
    tables:
      users:
        key: id
        columns:
          id: $.id
          name: $.name
"""
BIN = "utf8mb4_0900_bin"


def column(name, kind="varchar", length=100, **options):
    """A nullable column as information_schema would describe it."""
    texts = {"varchar", "char", "text", "tinytext", "mediumtext", "longtext", "enum"}
    facts = {"nullable": True, "has_default": True}
    if kind in texts:
        facts |= {"char_length": length, "byte_length": length * 4, "charset": "utf8mb4", "collation": BIN}
    if kind in {"text", "varbinary", "binary", "blob", "tinytext"}:
        facts |= {"char_length": length, "byte_length": length}
    if kind in {"datetime", "timestamp", "time"}:
        facts |= {"datetime_precision": 6}
    if kind == "decimal":
        facts |= {"precision": 10, "scale": 2}
    return TargetColumn(name, kind, **(facts | options))


needed = partial(column, nullable=False, has_default=False)


def table(name, *columns, key=("id",), unique=(), **options):
    indexes = (
        TargetIndex("PRIMARY", unique=True, columns=tuple(key)),
        *(TargetIndex(f"uq_{one}", unique=True, columns=(one,)) for one in unique),
    )
    return TargetTable(name, **({"engine": "InnoDB", "indexes": indexes} | options), columns=columns, primary_key=key)


def schema(*tables):
    return TargetSchema("shop", {one.name: one for one in tables})


USERS = table("users", needed("id"), column("name"))


def no_functions(name):
    raise LookupError(name)


def compiled(text, *tables, functions=no_functions):
    """The compiled mapping; without tables it is not checked against any."""
    mapping = load_mapping(text, file="migration.yaml")
    return compile_mapping(mapping, schema=schema(*tables) if tables else None, functions=functions)


def stream_of(text, *tables, functions=no_functions):
    (stream,) = compiled(text, *tables, functions=functions).streams.values()
    return stream


def same(_name):
    """A column function that changes nothing; a column with one has no short way."""
    return lambda value: value


@cache
def one_column(described, target, functions=no_functions):
    """A function from a document to what its column `v`, described in YAML, takes."""
    text = SIMPLE.replace("name: $.name", f"v: {described}")
    stream = stream_of(text, table("users", needed("id"), target), functions=functions)

    def value(document):
        ((row,),) = rows(stream, {"id": "k", **document})
        return row[1]

    return value


def rows(stream, document, *, sequence=7):
    return stream.rows(document, Position("legacy.users", 3, 42), 1_600_000_000_123, sequence)
