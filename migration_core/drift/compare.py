"""The declared schema against the live one, property by property. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from migration_core.drift.difference import EXTRA, MISSING, SILENT, Difference, Subject
from migration_core.drift.facts import (
    CheckFacts,
    ColumnFacts,
    ForeignKeyFacts,
    IndexFacts,
    SchemaFacts,
    TableFacts,
)
from migration_core.drift.headroom import headroom

Properties = Mapping[str, str]
"""A part's properties by name, in the words that are shown."""


class _Part(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def definition(self) -> str: ...


P = TypeVar("P", bound=_Part)


def differences(declared: SchemaFacts, live: SchemaFacts) -> tuple[Difference, ...]:
    """Everything in which `live` is not as `declared`, and counters that are about to end."""
    return tuple(_schema(declared, live))


def _schema(declared: SchemaFacts, live: SchemaFacts) -> Iterator[Difference]:
    if declared.collation != live.collation:
        yield Difference(Subject.SCHEMA, "", live.name, "collation", declared.collation, live.collation)
    for name in sorted(declared.tables.keys() | live.tables.keys()):
        if name not in live.tables:
            yield _missing(Subject.TABLE, name, name, "a table")
        elif name not in declared.tables:
            yield _extra(Subject.TABLE, name, name, "a table")
        else:
            yield from _table(declared.tables[name], live.tables[name])


def _table(declared: TableFacts, live: TableFacts) -> Iterator[Difference]:
    name = declared.name
    yield from _unlike(Subject.TABLE, name, name, _of_table(declared), _of_table(live))
    yield from _parts(Subject.COLUMN, name, declared.columns, live.columns, _of_column)
    yield from _order(declared, live)
    yield from _parts(Subject.INDEX, name, declared.indexes, live.indexes, _of_index)
    yield from _parts(Subject.FOREIGN_KEY, name, declared.foreign_keys, live.foreign_keys, _of_foreign_key)
    yield from _parts(Subject.CHECK, name, declared.checks, live.checks, _of_check)
    yield from headroom(live)


def _parts(
    subject: Subject, table: str, declared: Sequence[P], live: Sequence[P], properties: Callable[[P], Properties]
) -> Iterator[Difference]:
    found = {part.name: part for part in live}
    for part in declared:
        if (other := found.pop(part.name, None)) is None:
            yield _missing(subject, table, part.name, part.definition)
        else:
            yield from _unlike(subject, table, part.name, properties(part), properties(other))
    for other in found.values():
        yield _extra(subject, table, other.name, other.definition)


def _unlike(subject: Subject, table: str, name: str, declared: Properties, live: Properties) -> Iterator[Difference]:
    for what, value in declared.items():
        if live[what] != value:
            yield Difference(subject, table, name, what, value, live[what])


def _missing(subject: Subject, table: str, name: str, definition: str) -> Difference:
    return Difference(subject, table, name, MISSING, definition, SILENT)


def _extra(subject: Subject, table: str, name: str, definition: str) -> Difference:
    return Difference(subject, table, name, EXTRA, SILENT, definition)


def _order(declared: TableFacts, live: TableFacts) -> Iterator[Difference]:
    """As few columns as possible that must move for the others to stand in the declared order."""
    wanted = {column.name: place for place, column in enumerate(declared.columns)}
    places = [wanted[column.name] for column in live.columns if column.name in wanted]
    stay = _longest_rise(places)
    shared = [column.name for column in live.columns if column.name in wanted]
    for column in declared.columns:
        if column.name in shared and wanted[column.name] not in stay:
            before = _neighbour(column.name, [name for name in wanted if name in shared])
            yield Difference(
                Subject.COLUMN, declared.name, column.name, "order", before, _neighbour(column.name, shared)
            )


def _neighbour(name: str, names: Sequence[str]) -> str:
    place = names.index(name)
    return f"after {names[place - 1]}" if place else "first"


def _longest_rise(places: Sequence[int]) -> set[int]:
    """The members of a longest increasing subsequence."""
    ends: list[int] = []
    chains: list[tuple[int, ...]] = []
    for place in places:
        at = bisect_left(ends, place)
        chain = (*(chains[at - 1] if at else ()), place)
        ends[at : at + 1] = [place]
        chains[at : at + 1] = [chain]
    return set(chains[-1]) if chains else set()


def _of_table(table: TableFacts) -> Properties:
    return {"engine": table.engine, "row format": table.row_format, "collation": table.collation}


def _of_column(column: ColumnFacts) -> Properties:
    return {
        "type": column.type,
        "nullability": "NULL" if column.nullable else "NOT NULL",
        "default": _default(column),
        "on update": column.on_update or SILENT,
        "generated": f"{column.generated} {'STORED' if column.stored else 'VIRTUAL'}" if column.generated else SILENT,
        "character set": column.charset or SILENT,
        "collation": column.collation or SILENT,
        "auto-increment": "on" if column.auto_increment else "off",
        "visibility": _visibility(column.visible),
        "srid": SILENT if column.srid is None else str(column.srid),
    }


def _default(column: ColumnFacts) -> str:
    if column.default is None:
        return SILENT
    return f"({column.default})" if column.default_is_expression else repr(column.default)


def _of_index(index: IndexFacts) -> Properties:
    return {
        "uniqueness": "unique" if index.unique else "not unique",
        "kind": index.kind,
        "columns": ", ".join(part.of for part in index.parts),
        "prefix lengths": ", ".join("whole" if part.prefix is None else str(part.prefix) for part in index.parts),
        "directions": ", ".join("DESC" if part.descending else "ASC" for part in index.parts),
        "visibility": _visibility(index.visible),
    }


def _of_foreign_key(key: ForeignKeyFacts) -> Properties:
    return {
        "columns": ", ".join(key.columns),
        "parent": f"{key.parent} ({', '.join(key.parent_columns)})",
        "ON UPDATE": key.on_update,
        "ON DELETE": key.on_delete,
    }


def _of_check(check: CheckFacts) -> Properties:
    return {"expression": check.clause, "enforced": "yes" if check.enforced else "no"}


def _visibility(visible: bool) -> str:
    return "visible" if visible else "invisible"
