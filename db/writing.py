"""Effects into the processed tables of one stream: the fast way where it is safe, row by row where it is not."""

from collections.abc import Callable, Sequence
from typing import Any

from db.bulk import Bulk, beside_arguments, qualified, quoted, write
from db.encoding import line_encoder
from db.engine import Session
from migration_core.folding import Effect
from migration_core.mapping import CompiledStream, CompiledTable, Kind, WriteMode

_KEYS_A_STATEMENT = 1000


class TargetWriter:
    """Writes what folding decided; `schema` is where the processed tables, or their shadows, stand."""

    def __init__(self, schema: str, stream: CompiledStream, *, name_of: Callable[[str], str] = str) -> None:
        self._stream = stream
        self._tables = [_Table(schema, table, name_of(table.name)) for table in stream.tables]
        self.coalesces = all(table.mode is not WriteMode.STRICT for table in stream.tables)
        """Whether only the newest effect of a key need be written: not where another entity may hold a unique value."""

    def write(self, session: Session, effects: Sequence[Effect], *, strict: bool) -> None:
        """Make the tables hold `effects`; without `strict` a value that the server would repair raises Repaired."""
        # In the order of the primary key, so that neighbours of one page are written together.
        newest = [effect for _, effect in sorted({effect.key: effect for effect in effects}.items())]
        for index, table in enumerate(self._tables):
            if table.mode is WriteMode.STRICT:
                self._in_order(session, table, index, effects)
            else:
                self._in_bulk(session, table, index, newest, strict=strict)

    def _in_bulk(
        self, session: Session, table: "_Table", index: int, effects: Sequence[Effect], *, strict: bool
    ) -> None:
        gone = [effect.key for effect in effects if table.child or not (effect.rows and effect.rows[index])]
        self._delete(session, table, gone)
        rows = [row for effect in effects if effect.rows for row in effect.rows[index]]
        write(session.connection, table.bulk, table.lines(rows), strict=strict)

    def _in_order(self, session: Session, table: "_Table", index: int, effects: Sequence[Effect]) -> None:
        """Each effect in its place: an update or delete may free the value that a later insert needs."""
        existing = self._existing(session, table, {effect.key for effect in effects})
        inserts: list[tuple[Any, ...]] = []
        for effect in effects:
            rows = effect.rows[index] if effect.rows else []
            if effect.key in existing:
                self._insert(session, table, inserts)
                inserts = []
                if rows and not table.child:
                    table.update(session, rows[0])
                    continue
                self._delete(session, table, [effect.key])
                existing.discard(effect.key)
            if rows:
                inserts.extend(rows)
                existing.add(effect.key)
        self._insert(session, table, inserts)

    def _insert(self, session: Session, table: "_Table", rows: Sequence[tuple[Any, ...]]) -> None:
        write(session.connection, table.plain, table.lines(rows), strict=True)

    def _existing(self, session: Session, table: "_Table", keys: set[bytes]) -> set[bytes]:
        """Which of `keys` have rows; locked, so that they stay as they are until the commit."""
        values = {_comparable(self._stream.key_columns_of(key)): key for key in keys}
        found: set[bytes] = set()
        for chunk in _chunks(list(values)):
            rows = session.rows(
                f"SELECT DISTINCT {table.key_names} FROM {table.name} WHERE {table.key_test(len(chunk))} FOR UPDATE",
                _flat(chunk),
            )
            found.update(values[_comparable(row)] for row in rows)
        return found

    def _delete(self, session: Session, table: "_Table", keys: Sequence[bytes]) -> None:
        for chunk in _chunks([self._stream.key_columns_of(key) for key in keys]):
            session.execute(f"DELETE FROM {table.name} WHERE {table.key_test(len(chunk))}", _flat(chunk))


class _Table:
    def __init__(self, schema: str, table: CompiledTable, name: str) -> None:
        self.mode = table.mode
        self.child = table.child
        place = qualified(schema, name)
        self.name = beside_arguments(place)
        self.lines = line_encoder(table.kinds)
        self.key_names = beside_arguments(quoted(*table.entity_columns))
        self._width = len(table.entity_columns)
        hexed = frozenset(n for n, kind in zip(table.columns, table.kinds, strict=True) if kind is Kind.BYTES)
        self.plain = Bulk(place, table.columns, hex_columns=hexed)
        replace = table.mode is WriteMode.REPLACE
        others = tuple(n for n in table.columns if n not in table.key_columns)
        update = others if table.mode is WriteMode.UPSERT else ()
        self.bulk = Bulk(place, table.columns, replace=replace, hex_columns=hexed, update=update)
        self._key_places = [table.columns.index(n) for n in table.key_columns]
        self._other_places = [table.columns.index(n) for n in others]
        sets = ", ".join(f"{beside_arguments(quoted(n))} = %s" for n in others)
        keys = " AND ".join(f"{beside_arguments(quoted(n))} = %s" for n in table.key_columns)
        self._update = f"UPDATE {self.name} SET {sets} WHERE {keys}" if others else ""

    def key_test(self, count: int) -> str:
        """A condition on the entity key with `count` places for keys."""
        if self._width == 1:
            return f"{self.key_names} IN ({', '.join(['%s'] * count)})"
        one = f"({', '.join(['%s'] * self._width)})"
        return f"({self.key_names}) IN ({', '.join([one] * count)})"

    def update(self, session: Session, row: tuple[Any, ...]) -> None:
        """Write the one row of an entity that is there already."""
        if self._update:
            places = (*self._other_places, *self._key_places)
            session.execute(self._update, [row[place] for place in places])


def _chunks(keys: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    return [keys[start : start + _KEYS_A_STATEMENT] for start in range(0, len(keys), _KEYS_A_STATEMENT)]


def _flat(keys: Sequence[tuple[Any, ...]]) -> list[object]:
    return [value for key in keys for value in key]


def _comparable(row: Sequence[Any]) -> tuple[Any, ...]:
    """The same tuple whether the column holds text or bytes."""
    return tuple(value.encode() if isinstance(value, str) else value for value in row)
