"""The statements that make the live schema as declared, in an order in which each can run. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from migration_core.drift.clauses import TableMending, blocked_columns
from migration_core.drift.difference import EXTRA, MISSING, Difference, Subject
from migration_core.drift.facts import ForeignKeyFacts, SchemaFacts
from migration_core.drift.names import quoted
from migration_core.drift.statement import Statement


def mending(declared: SchemaFacts, live: SchemaFacts, found: Sequence[Difference]) -> tuple[Statement, ...]:
    """For the differences of `differences(declared, live)`; those that only a person can mend have no statement."""
    return tuple(_Mending(declared, live, found).statements())


class _Mending:
    """Foreign keys in the way are dropped first and made last: an ALTER of their columns would be refused."""

    def __init__(self, declared: SchemaFacts, live: SchemaFacts, found: Sequence[Difference]) -> None:
        self._declared, self._live = declared, live
        self._found = found
        self._missing = [one.table for one in found if one.subject is Subject.TABLE and one.what == MISSING]
        self._extra = [one.table for one in found if one.subject is Subject.TABLE and one.what == EXTRA]
        self._tables = {
            name: TableMending(declared.tables[name], live.tables[name], [one for one in found if one.table == name])
            for name in dict.fromkeys(one.table for one in found)
            if name in declared.tables and name in live.tables
        }

    def statements(self) -> Iterator[Statement]:
        """In the order in which they must run."""
        dropped = list(self._keys_in_the_way())
        for table, key in dropped:
            yield Statement(f"ALTER TABLE {self._name(table)} DROP FOREIGN KEY {quoted(key.name)}")
        if any(one.subject is Subject.SCHEMA for one in self._found):
            yield Statement(f"ALTER DATABASE {quoted(self._live.name)} COLLATE {self._declared.collation}")
        for name, changed in self._tables.items():
            for clauses in (*changed.beforehand(), changed.clauses()):
                if clauses:
                    sql = f"ALTER TABLE {self._name(name)} {', '.join(clauses)}"
                    yield Statement(sql, changed.removes_data(clauses))
        for name in self._missing:
            yield Statement(f"CREATE TABLE {self._name(name)} {self._declared.tables[name].creation}")
        for name in self._extra:
            yield Statement(f"DROP TABLE {self._name(name)}", removes_data=True)
        for table, key in self._keys_to_make({(table, key.name) for table, key in dropped}):
            yield Statement(f"ALTER TABLE {self._name(table)} ADD {key.definition}")

    def _name(self, table: str) -> str:
        return f"{quoted(self._live.name)}.{quoted(table)}"

    def _keys_in_the_way(self) -> Iterator[tuple[str, ForeignKeyFacts]]:
        blocked: Mapping[str, frozenset[str]] = {
            name: blocked_columns(table.declared, table.live, table.found) for name, table in self._tables.items()
        }
        for name, table in self._live.tables.items():
            for key in table.foreign_keys:
                touches = set(key.columns) & blocked.get(name, frozenset())
                touches |= set(key.parent_columns) & blocked.get(key.parent, frozenset())
                if touches or name in self._extra or self._differs(name, key.name):
                    yield name, key

    def _keys_to_make(self, dropped: set[tuple[str, str]]) -> Iterator[tuple[str, ForeignKeyFacts]]:
        for name, table in self._declared.tables.items():
            for key in table.foreign_keys:
                if name in self._missing or (name, key.name) in dropped or self._differs(name, key.name):
                    yield name, key

    def _differs(self, table: str, key: str) -> bool:
        return any(one.subject is Subject.FOREIGN_KEY and (one.table, one.name) == (table, key) for one in self._found)
