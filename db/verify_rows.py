"""Processed rows as the verifier compares them: a digest of many entities, the texts of a few, and a walk over all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, Self

from db.bulk import qualified, quoted
from db.canonical import CanonicalTable, canonical_table, digest, digest_sql
from db.engine import Session
from migration_core.key import LONGEST_KEY, KeyPart, parts_of
from migration_core.mapping import CompiledTable, Kind
from migration_core.target import TargetTable

MappedRow = tuple[Any, ...]
Texts = list[str | None]


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """One processed table; `table` says what the mapping fills of it."""

    table: CompiledTable
    name: str
    """Quoted and qualified."""
    canonical: CanonicalTable
    key_places: tuple[int, ...]
    """Of the primary key among the columns."""
    target: TargetTable
    lookup: tuple[str, str] | None = None
    """SQL: how a list of canonical keys is read as a table `wanted`, and joined; None where a column is binary."""

    @classmethod
    def of(cls, schema: str, table: CompiledTable, target: TargetTable) -> Self:
        """The table as it stands in `schema`."""
        places = tuple(table.columns.index(name) for name in table.key_columns)
        canonical, lookup = canonical_table(table, target), _lookup(table, target)
        return cls(table, qualified(schema, table.name), canonical, places, target, lookup)

    def without(self, columns: Collection[str]) -> Self:
        """The same table, with these columns left aside; those of the primary key stay."""
        left = [name not in columns or name in self.table.key_columns for name in self.table.columns]
        table = replace(
            self.table,
            columns=tuple(compress(self.table.columns, left)),
            kinds=tuple(compress(self.table.kinds, left)),
        )
        places = tuple(table.columns.index(name) for name in table.key_columns)
        return replace(self, table=table, canonical=canonical_table(table, self.target), key_places=places)

    def digests_agree(self, session: Session, keys: Sequence[bytes], rows: Sequence[MappedRow]) -> bool:
        """Whether the entities of these canonical keys have exactly `rows`; one small answer of the server."""
        canonical = self.canonical
        (answer,) = session.connection.text_rows(
            f"SELECT COUNT(*), {digest_sql(canonical.row)} FROM {self._rows_of(keys)}"
        )
        return int(answer[0]) == len(rows) and (not rows or int(answer[1], 16) == digest(canonical.encode(rows)))

    def texts_of(self, session: Session, keys: Sequence[tuple[KeyPart, ...]]) -> list[Texts]:
        """The rows of the entities `keys`, each column as its text."""
        found = session.connection.text_rows(
            f"SELECT {', '.join(self.canonical.columns)} FROM {self.name} WHERE {self._test(keys)}"
        )
        return [[None if value is None else value.decode() for value in row] for row in found]

    def entities_after(
        self, session: Session, after: Sequence[KeyPart] | None, *, limit: int
    ) -> list[tuple[KeyPart, ...]]:
        """The keys of the next entities by primary key, each once."""
        columns = quoted(*self.table.entity_columns)
        where = f"WHERE {_beyond(self.table.entity_columns, after)} " if after is not None else ""
        distinct = "DISTINCT " if self.table.child else ""
        found = session.connection.text_rows(
            f"SELECT {distinct}{columns} FROM {self.name} {where}ORDER BY {columns} LIMIT {limit}"
        )
        whole = [self.table.kinds[self.table.columns.index(name)] is Kind.INT for name in self.table.entity_columns]
        # What is no UTF-8 stands for no key that was ever stored, and must not stop the walk.
        return [
            tuple(int(v) if number else v.decode(errors="replace") for v, number in zip(row, whole, strict=True))
            for row in found
        ]

    def count(self, session: Session) -> int:
        """All rows of the table."""
        (answer,) = session.connection.text_rows(f"SELECT COUNT(*) FROM {self.name}")
        return int(answer[0])

    def _rows_of(self, keys: Sequence[bytes]) -> str:
        """Canonical keys are JSON: joined as a table they cost the server a fifth less than in a list of values."""
        if self.lookup is None:
            return f"{self.name} WHERE {self._test([parts_of(key) for key in keys])}"
        listed = b",".join(keys).decode().replace("\\", "\\\\").replace("'", "''")
        return f"JSON_TABLE('[{listed}]', {self.lookup[0]}) AS wanted STRAIGHT_JOIN {self.name} ON {self.lookup[1]}"

    def _test(self, keys: Sequence[tuple[KeyPart, ...]]) -> str:
        columns = self.table.entity_columns
        if len(columns) == 1:
            return f"{quoted(*columns)} IN ({', '.join([_literal(key[0]) for key in keys])})"
        listed = ", ".join(f"({', '.join(map(_literal, key))})" for key in keys)
        return f"({quoted(*columns)}) IN ({listed})"


def _lookup(table: CompiledTable, target: TargetTable) -> tuple[str, str] | None:
    columns, tests = [], []
    for number, name in enumerate(table.entity_columns):
        column = target.column(name)
        if column is None or (column.charset != "utf8mb4" and table.kinds[table.columns.index(name)] is not Kind.INT):
            return None
        # What the type cannot hold becomes NULL, which no key is.
        kind = (
            f"VARCHAR({LONGEST_KEY}) CHARACTER SET utf8mb4 COLLATE {column.collation}"
            if column.charset
            else f"BIGINT{' UNSIGNED' if column.unsigned else ''}"
        )
        columns.append(f"part{number} {kind} PATH '$[{number}]'")
        tests.append(f"{quoted(name)} = wanted.part{number}")
    return f"'$[*]' COLUMNS ({', '.join(columns)})", " AND ".join(tests)


def _beyond(columns: Sequence[str], after: Sequence[KeyPart]) -> str:
    """(a, b) > (x, y), in the words for which MySQL uses the index."""
    tests = []
    for place, column in enumerate(columns):
        equal = [f"{quoted(name)} = {_literal(value)}" for name, value in zip(columns[:place], after, strict=False)]
        tests.append("(" + " AND ".join([*equal, f"{quoted(column)} > {_literal(after[place])}"]) + ")")
    return "(" + " OR ".join(tests) + ")"


def _literal(part: KeyPart) -> str:
    if part.__class__ is int:
        return str(part)
    text = str(part)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"
