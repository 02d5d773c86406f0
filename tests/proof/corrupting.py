"""Spoils processed rows in every way that a broken copy can be wrong, and says where each difference must be found."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from db.bulk import qualified, quoted
from db.engine import Database, Session
from db.target import read_target
from migration_core.key import canonical
from migration_core.mapping import CompiledMapping, CompiledTable
from migration_core.target import TargetColumn, TargetTable

Row = dict[str, Any]
Place = tuple[str, str, tuple[str, ...], str]
"""(table, kind, primary key, column)."""
_TEXTS, _WHOLE = ("varchar", "char", "text"), ("int", "bigint", "smallint", "tinyint")


class NotHere(Exception):
    """This kind of damage cannot be done to this row."""


@dataclass(slots=True)
class Damage:
    """What was done, by kind, and what must be found."""

    places: set[Place] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    compiled: CompiledTable
    target: TargetTable
    unique: frozenset[str]

    def columns(self, *kinds: str) -> list[TargetColumn]:
        """Columns of these types that are no part of a unique key."""
        taken = {*self.compiled.key_columns, *self.unique}
        return [c for c in self.target.columns if c.data_type in kinds and c.name not in taken]


def corrupt(
    database: Database,
    mapping: CompiledMapping,
    count: int,
    *,
    seed: int,
    spare: Callable[[str, bytes], bool] = lambda _stream, _key: False,
) -> Damage:
    """Do `count` damages to as many rows of all tables in turn; entities that `spare` names are left alone."""
    dice = random.Random(seed)
    damage = Damage()
    with database.transaction() as session:
        schema = read_target(session, mapping.target_schema)
        decks = [
            _Deck(session, mapping.target_schema, _table(stream_table, schema.tables[stream_table.name]), dice,
                  lambda key, name=stream.name: spare(name, key))
            for stream in mapping.streams.values() for stream_table in stream.tables
        ]  # fmt: skip
        turn = 0
        while damage.kinds.total() < count and any(deck.rows for deck in decks):
            deck = decks[turn % len(decks)]
            kind = dice.choice(KINDS)
            turn += 1
            if deck.rows:
                try:
                    found = list(kind(deck))
                except NotHere:
                    continue
                damage.places.update(found)
                damage.kinds[kind.__name__] += 1
    return damage


def _table(compiled: CompiledTable, target: TargetTable) -> _Table:
    unique = {name for index in target.indexes if index.unique and index.name != "PRIMARY" for name in index.columns}
    return _Table(target.name, compiled, target, frozenset(unique))


class _Deck:
    """The rows of one table in random order, each dealt once."""

    def __init__(
        self, session: Session, schema: str, table: _Table, dice: random.Random, spare: Callable[[bytes], bool]
    ) -> None:
        self.session, self.table, self.dice = session, table, dice
        self._name = qualified(schema, table.name)
        names = table.compiled.columns
        self.rows: list[Row] = [
            dict(zip(names, row, strict=True)) for row in session.rows(f"SELECT {quoted(*names)} FROM {self._name}")
        ]
        self.rows = [row for row in self.rows if not spare(canonical([row[n] for n in table.compiled.entity_columns]))]
        self.known = {self.key(row) for row in self.rows}
        dice.shuffle(self.rows)

    def deal(self) -> Row:
        if not self.rows:
            raise NotHere
        return self.rows.pop()

    def key(self, row: Row) -> tuple[str, ...]:
        return tuple(str(row[name]) for name in self.table.compiled.key_columns)

    def pick(self, *kinds: str) -> TargetColumn:
        columns = self.table.columns(*kinds)
        if not columns:
            raise NotHere
        return self.dice.choice(columns)

    def write(self, row: Row, **changed: Any) -> Iterator[Place]:
        """Change one row; every column that is another value now must be found."""
        sets = ", ".join(f"{quoted(name)} = %s" for name in changed)
        where = " AND ".join(f"{quoted(name)} = %s" for name in self.table.compiled.key_columns)
        keys = [row[name] for name in self.table.compiled.key_columns]
        self.session.execute(f"UPDATE {self._name} SET {sets} WHERE {where}", [*changed.values(), *keys])
        for name, value in changed.items():
            if not _same(value, row[name]):
                yield self.table.name, "different", self.key(row), name

    def remove(self, row: Row) -> Iterator[Place]:
        where = " AND ".join(f"{quoted(name)} = %s" for name in self.table.compiled.key_columns)
        keys = [row[name] for name in self.table.compiled.key_columns]
        self.session.execute(f"DELETE FROM {self._name} WHERE {where}", keys)
        yield self.table.name, "missing", self.key(row), ""

    def add(self, row: Row) -> Iterator[Place]:
        if self.key(row) in self.known:
            raise NotHere
        self.known.add(self.key(row))
        marks = ", ".join(["%s"] * len(row))
        self.session.execute(f"INSERT INTO {self._name} ({quoted(*row)}) VALUES ({marks})", list(row.values()))
        yield self.table.name, "extra", self.key(row), ""


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _text(deck: _Deck, change: Callable[[str], str]) -> Iterator[Place]:
    column = deck.pick(*_TEXTS)
    row = deck.deal()
    before = row[column.name]
    if before is None or (after := change(before)) == before or len(after) > (column.char_length or 0):
        raise NotHere
    return deck.write(row, **{column.name: after})


def blank_at_the_end(deck: _Deck) -> Iterator[Place]:
    return _text(deck, lambda text: text + " ")


def other_case(deck: _Deck) -> Iterator[Place]:
    return _text(deck, str.swapcase)


def one_character(deck: _Deck) -> Iterator[Place]:
    def changed(text: str) -> str:
        place = deck.dice.randrange(len(text)) if text else 0
        return text[:place] + "~" + text[place + 1 :]

    return _text(deck, changed)


def cut_short(deck: _Deck) -> Iterator[Place]:
    return _text(deck, lambda text: text[:-1])


def null_or_empty(deck: _Deck) -> Iterator[Place]:
    column = deck.pick(*_TEXTS)
    row = deck.deal()
    if row[column.name] is not None and row[column.name] and not column.nullable:
        raise NotHere
    return deck.write(row, **{column.name: "" if row[column.name] is None else None if column.nullable else ""})


def one_second(deck: _Deck) -> Iterator[Place]:
    column = deck.pick("datetime", "timestamp")
    row = deck.deal()
    if row[column.name] is None:
        raise NotHere
    return deck.write(row, **{column.name: row[column.name] + timedelta(seconds=1)})


def one_day(deck: _Deck) -> Iterator[Place]:
    column = deck.pick("date")
    row = deck.deal()
    if row[column.name] is None:
        raise NotHere
    return deck.write(row, **{column.name: row[column.name] + timedelta(days=1)})


def fraction_lost(deck: _Deck) -> Iterator[Place]:
    columns = [column for column in deck.table.columns("datetime") if column.datetime_precision]
    if not columns:
        raise NotHere
    column = deck.dice.choice(columns)
    row = deck.deal()
    if row[column.name] is None or not row[column.name].microsecond:
        raise NotHere
    return deck.write(row, **{column.name: row[column.name].replace(microsecond=0)})


def rounded(deck: _Deck) -> Iterator[Place]:
    column = deck.pick("decimal", "double")
    row = deck.deal()
    before = row[column.name]
    if before is None or (after := type(before)(round(before))) == before:
        raise NotHere
    if column.data_type == "decimal":
        after = Decimal(after).quantize(Decimal(1).scaleb(-(column.scale or 0)))
    return deck.write(row, **{column.name: after})


def off_by_one(deck: _Deck) -> Iterator[Place]:
    column = deck.pick(*_WHOLE)
    row = deck.deal()
    if row[column.name] is None:
        raise NotHere
    return deck.write(row, **{column.name: row[column.name] + (1 if row[column.name] < 100 else -1)})


def other_word(deck: _Deck) -> Iterator[Place]:
    column = deck.pick("enum")
    row = deck.deal()
    words = [word for word in column.enum_values if word != row[column.name]]
    return deck.write(row, **{column.name: deck.dice.choice(words)})


def other_byte(deck: _Deck) -> Iterator[Place]:
    column = deck.pick("varbinary", "binary", "blob")
    row = deck.deal()
    before = row[column.name]
    return deck.write(row, **{column.name: bytes([before[0] ^ 1]) + before[1:]})


def character_in_json(deck: _Deck) -> Iterator[Place]:
    """One character of the text, so that what comes of it is JSON still, and another value."""
    column = deck.pick("json")
    row = deck.deal()
    before = row[column.name]
    if before is None:
        raise NotHere
    places = [n for n, character in enumerate(before) if character.isalnum()]
    for place in deck.dice.sample(places, len(places)):
        after = before[:place] + ("8" if before[place] == "7" else "7") + before[place + 1 :]
        try:
            if json.loads(after) != json.loads(before):
                return deck.write(row, **{column.name: after})
        except ValueError:
            continue
    raise NotHere


def member_of_json(deck: _Deck) -> Iterator[Place]:
    column = deck.pick("json")
    row = deck.deal()
    value = None if row[column.name] is None else json.loads(row[column.name])
    if not isinstance(value, dict) or not value:
        raise NotHere
    del value[deck.dice.choice(sorted(value))]
    return deck.write(row, **{column.name: json.dumps(value)})


def swapped_rows(deck: _Deck) -> Iterator[Place]:
    """Two rows take each other's values, in every column but their keys."""
    one, other = deck.deal(), deck.deal()
    names = [name for name in one if name not in {*deck.table.compiled.key_columns, *deck.table.unique}]
    yield from deck.write(one, **{name: other[name] for name in names})
    yield from deck.write(other, **{name: one[name] for name in names})


def swapped_columns(deck: _Deck) -> Iterator[Place]:
    row = deck.deal()
    for kinds in (_TEXTS, _WHOLE, ("datetime",), ("decimal",)):
        columns = deck.table.columns(*kinds)
        for column in columns:
            for other in columns:
                fits = kinds is not _TEXTS or (
                    len(row[column.name] or "") <= other.char_length
                    and len(row[other.name] or "") <= column.char_length
                )
                plain = kinds is _TEXTS and column.nullable == other.nullable
                if plain and fits and row[column.name] != row[other.name]:
                    return deck.write(row, **{column.name: row[other.name], other.name: row[column.name]})
    raise NotHere


def stale_version(deck: _Deck) -> Iterator[Place]:
    """As a late write would leave it: an older sequence, and an older value with it."""
    row = deck.deal()
    changed: Row = {"source_sequence": row["source_sequence"] - 1}
    for column in deck.table.columns("datetime"):
        if row[column.name] is not None:
            changed[column.name] = row[column.name] - timedelta(hours=1)
    return deck.write(row, **changed)


def missing_row(deck: _Deck) -> Iterator[Place]:
    return deck.remove(deck.deal())


def extra_row(deck: _Deck) -> Iterator[Place]:
    """Of an entity that never was."""
    row = _elsewhere(deck, deck.deal())
    for name in deck.table.unique:
        row[name] = f"x{row[name]}"
    return deck.add(row)


def child_left_behind(deck: _Deck) -> Iterator[Place]:
    """A further row of an entity that has some."""
    if not deck.table.compiled.child:
        raise NotHere
    row = dict(deck.deal())
    last = deck.table.compiled.key_columns[-1]
    row[last] = f"x{row[last]}"
    return deck.add(row)


def moved_key(deck: _Deck) -> Iterator[Place]:
    """A row under another entity's name."""
    row = deck.deal()
    moved = _elsewhere(deck, row)
    if deck.key(moved) in deck.known:
        raise NotHere
    yield from deck.remove(row)
    yield from deck.add(moved)


def _elsewhere(deck: _Deck, row: Row) -> Row:
    """The row under the key of an entity that there is not."""
    for name in reversed(deck.table.compiled.entity_columns):
        column = deck.table.target.column(name)
        assert column is not None
        if isinstance(row[name], int):
            return {**row, name: row[name] + (10_000 if column.data_type == "smallint" else 1_000_000_000)}
        if len(row[name]) < (column.char_length or 0):
            return {**row, name: f"x{row[name]}"}
    raise NotHere


KINDS = (
    blank_at_the_end, other_case, one_character, cut_short, null_or_empty, one_second, one_day, fraction_lost, rounded,
    off_by_one, other_word, other_byte, character_in_json, member_of_json, swapped_rows, swapped_columns,
    stale_version, missing_row, extra_row, child_left_behind, moved_key,
)  # fmt: skip
