"""Entities against their processed rows: by digest first, then in ever smaller groups, down to row and column."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from db.engine import Session
from db.verify_rows import CheckedTable, MappedRow, Texts
from migration_core.difference import (
    GONE,
    NO_ROW,
    Difference,
    DifferenceKind,
    change_pattern,
    shown,
)
from migration_core.folding import Rows
from migration_core.key import KeyPart, parts_of
from migration_core.lane import key_hash

_FEW = 64
"""So many entities are looked at row by row."""
_WAYS = 16
_Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the tables must hold for some keys; None where that is nothing, `because` says why when it is odd."""

    rows: Mapping[bytes, Rows | None]
    because: Mapping[bytes, str]


def compare(session: Session, tables: Sequence[CheckedTable], expected: Expected) -> Iterator[Difference]:
    """Every difference between `expected` and what this session sees."""
    keys = list(expected.rows)
    if not keys:
        return
    for index, table in enumerate(tables):
        yield from _Comparison(session, table, index, expected).of(keys)


@dataclass(frozen=True, slots=True)
class _Comparison:
    session: Session
    table: CheckedTable
    index: int
    expected: Expected

    def of(self, keys: Sequence[bytes]) -> Iterator[Difference]:
        rows = [row for key in keys if (found := self.expected.rows[key]) for row in found[self.index]]
        if self.table.digests_agree(self.session, keys, rows):
            return
        if len(keys) <= _FEW:
            yield from self._row_by_row(keys)
            return
        size = -(-len(keys) // _WAYS)
        for start in range(0, len(keys), size):
            yield from self.of(keys[start : start + size])

    def _row_by_row(self, keys: Sequence[bytes]) -> Iterator[Difference]:
        parts = [parts_of(key) for key in keys]
        places = self.table.key_places
        actual = {_key(row, places): row for row in self.table.texts_of(self.session, parts)}
        for key in keys:
            found = self.expected.rows[key]
            for row in found[self.index] if found else ():
                texts = self.table.canonical.value_texts(row)
                stored = actual.pop(_key(texts, places), None)
                if stored is None:
                    yield self._of_row(DifferenceKind.MISSING, key, _key(texts, places), NO_ROW)
                elif stored != texts:
                    yield from self._columns(key, row, texts, stored)
        if not actual:
            return
        owners = {self._entity(part): key for key, part in zip(keys, parts, strict=True)}
        width = len(self.table.table.entity_columns)
        for primary in actual:
            owner = owners[primary[:width]]
            because = self.expected.because.get(owner, GONE)
            yield self._of_row(DifferenceKind.EXTRA, owner, primary, because)

    def _columns(self, key: bytes, row: MappedRow, texts: Texts, stored: Texts) -> Iterator[Difference]:
        table, canonical = self.table.table, self.table.canonical
        for name, value, text, other, same in zip(table.columns, row, texts, stored, canonical.same, strict=True):
            if text == other or (text is not None and other is not None and same(value, other)):
                continue
            public = name in table.public
            yield Difference(
                table=table.name,
                kind=DifferenceKind.DIFFERENT,
                key_hash=key_hash(key),
                primary_key=json.dumps(_key(texts, self.table.key_places), ensure_ascii=False),
                column=name,
                pattern=change_pattern(text, other),
                expected=shown(text, public=public),
                actual=shown(other, public=public),
            )

    def _of_row(self, kind: DifferenceKind, key: bytes, primary: _Key, pattern: str) -> Difference:
        return Difference(
            self.table.table.name, kind, key_hash(key), json.dumps(primary, ensure_ascii=False), pattern=pattern
        )

    def _entity(self, parts: tuple[KeyPart, ...]) -> _Key:
        """The entity's columns as `texts_of` gives them."""
        table = self.table
        return tuple(table.canonical.texts[table.table.columns.index(name)](part)
                     for name, part in zip(table.table.entity_columns, parts, strict=True))  # fmt: skip


def _key(texts: Texts, places: Sequence[int]) -> _Key:
    return tuple(texts[place] for place in places)
