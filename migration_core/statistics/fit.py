"""Whether a statistic fits the processed schema: its tables, their columns and indexes, and what its SELECT gives."""

from collections.abc import Collection, Iterator, Sequence

from migration_core.statistics.sql_text import SqlText
from migration_core.statistics.statistic import Following, Shape, Statistic
from migration_core.target import TargetColumn, TargetSchema, TargetTable

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_SUMS = _INTEGERS | {"decimal"}
_KEYS = _INTEGERS | {"char", "varchar"}
_INEXACT = frozenset({"float", "double"})


def shape_of(table: TargetTable) -> Shape:
    """Its primary key and the others; what the server computes by itself is not filled."""
    filled = [column.name for column in table.columns if not column.generated]
    values = tuple(name for name in filled if name not in table.primary_key)
    return Shape(table.primary_key, values)


def misfits(statistic: Statistic, schema: TargetSchema, stream_tables: Collection[str]) -> Iterator[str]:
    """Everything that stands against it; `stream_tables` are those that the followed stream fills."""
    missing = [name for name in statistic.own_tables if name not in schema.tables]
    for name in missing:
        yield f"table {name} is not in {schema.name}; write a revision of the processed schema that makes it"
    if missing:
        return
    for name in statistic.own_tables:
        yield from _own_table(schema.tables[name])
    table = schema.tables[statistic.table]
    if statistic.following is not None and table.primary_key:
        yield from _sums(table)
        members = schema.tables[statistic.following.members]
        yield from _members(members, table, statistic.following)
        for fault in SqlText(statistic.sql).tables(schema.tables, meant=lambda name: name in stream_tables):
            yield (
                f"{statistic.file} reads {fault.message}, whose changes stream {statistic.following.stream} does not "
                "bring; write mode: full"
            )


def column_misfits(statistic: Statistic, shape: Shape, given: Sequence[str]) -> Iterator[str]:
    """Whether the SELECT gives exactly the columns that are filled, in whatever order."""
    wanted = (*(statistic.following.key if statistic.following else ()), *shape.columns)
    missing = [name for name in dict.fromkeys(wanted) if name not in given]
    beyond = [name for name in given if name not in wanted]
    if missing:
        yield f"{statistic.file} gives no column {', '.join(missing)}; write `… AS {missing[0]}`"
    if beyond:
        yield f"{statistic.file} gives {', '.join(beyond)}, which no column of {statistic.table} takes; leave it out"


def _own_table(table: TargetTable) -> Iterator[str]:
    if table.engine.upper() != "INNODB":
        yield f"table {table.name} is {table.engine}; write ENGINE = InnoDB"
    if not table.primary_key:
        yield f"table {table.name} has no primary key; give it one of the columns that tell its rows apart"
    tied = [*table.foreign_keys, *table.referenced_by, *table.triggers]
    if tied:
        told = ", ".join(tied)
        yield f"table {table.name} has foreign keys or triggers ({told}), which a rename would lose; leave them out"


def _sums(table: TargetTable) -> Iterator[str]:
    shape = shape_of(table)
    if not shape.values:
        yield f"table {table.name} has no column beside its primary key; give it one for the sum"
    for name in shape.values:
        column = _column(table, name)
        if column.data_type not in _SUMS or column.nullable:
            yield (
                f"{table.name}.{name} is a {'nullable ' if column.nullable else ''}{column.data_type}: sums that are "
                "kept up need whole numbers or DECIMAL, NOT NULL; write mode: full for anything else"
            )
    for name in shape.groups:
        if _column(table, name).data_type in _INEXACT:
            yield f"{table.name}.{name} is inexact and tells no groups apart; write DECIMAL"


def _members(members: TargetTable, table: TargetTable, following: Following) -> Iterator[str]:
    shape = shape_of(table)
    key = tuple(dict.fromkeys((*following.key, *shape.groups)))
    if members.primary_key != key:
        yield f"{members.name} must have PRIMARY KEY ({', '.join(key)}): what each entity counts for, group by group"
    wanted, there = {*key, *shape.values}, {column.name for column in members.columns}
    if wanted != there:
        yield f"{members.name} must have the columns {', '.join((*key, *shape.values))} and no others"
        return
    if not any(index.columns[: len(shape.groups)] == shape.groups for index in members.indexes):
        yield f"{members.name} needs an index on ({', '.join(shape.groups)}): it tells when a group has no member left"
    for name in following.key:
        if _column(members, name).data_type not in _KEYS:
            yield f"{members.name}.{name} holds a stream's key; write BIGINT or VARCHAR, as the stream's table has it"
    for name in shape.columns:
        if _type(_column(members, name)) != _type(_column(table, name)):
            yield f"{members.name}.{name} is not of the type of {table.name}.{name}; write the same"


def _column(table: TargetTable, name: str) -> TargetColumn:
    found = table.column(name)
    assert found is not None  # noqa: S101 - names come from this very table
    return found


def _type(column: TargetColumn) -> tuple[object, ...]:
    return (
        column.data_type, column.unsigned, column.nullable, column.char_length, column.precision, column.scale,
        column.datetime_precision, column.collation, column.enum_values,
    )  # fmt: skip
