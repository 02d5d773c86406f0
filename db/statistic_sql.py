"""The statements of a statistic: its own SELECT, put into its tables in bounded pieces."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from db.bulk import beside_arguments, qualified, quoted
from db.engine import Session
from db.shadow_tables import shadow_of
from migration_core.errors import ConfigError, Halted
from migration_core.key import KeyPart
from migration_core.statistics.statistic import Following, Shape, Statistic, Value

MOST_SLICES = 1000
Key = Sequence[KeyPart]
Values = Mapping[str, Value]


@contextmanager
def speaking_in(session: Session, schema: str) -> Iterator[None]:
    """Tables without a schema's name are those of `schema`; afterwards those of the session's own again."""
    own = session.one("SELECT DATABASE()") or ("",)
    session.execute(f"USE {quoted(schema)}")
    try:
        yield
    finally:
        session.execute(f"USE {quoted(own[0])}")


class Counting:
    """Everything that one statistic asks of the processed schema."""

    def __init__(self, statistic: Statistic, schema: str, shape: Shape) -> None:
        self._statistic = statistic
        self._schema = schema
        self._shape = shape
        self._part = f"({statistic.sql}) AS part"

    @property
    def _following(self) -> Following:
        if self._statistic.following is None:
            raise Halted(f"statistic {self._statistic.name} follows no stream")
        return self._statistic.following

    # As a whole, slice by slice

    def slices(self, session: Session) -> list[dict[str, Value]]:
        """The parameters of each slice: the rows of `each`, or one without any."""
        each = self._statistic.each
        if each is None:
            return [{}]
        with speaking_in(session, self._schema):
            names = session.columns(f"SELECT * FROM ({each}) AS slice LIMIT 0", {})
            rows = session.rows(f"SELECT * FROM ({each}) AS slice LIMIT {MOST_SLICES + 1}", {})
        if len(rows) > MOST_SLICES:
            raise ConfigError(
                f"statistic {self._statistic.name}: `each` gives more than {MOST_SLICES} rows; write it so that a row "
                "stands for more"
            )
        return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]

    def fill_slice(self, session: Session, values: Values) -> int:
        """Put the rows of one slice into the shadow; how many."""
        columns = _names(self._shape.columns)
        with speaking_in(session, self._schema):
            return session.execute(
                f"INSERT INTO {self._shadow(self._statistic.table)} ({columns}) SELECT {columns} FROM {self._part}",
                {**self._statistic.parameters, **values},
            )

    def columns(self, session: Session) -> tuple[str, ...]:
        """What the SELECT gives; nothing is read."""
        values: dict[str, Value] = dict(self._statistic.parameters)
        with speaking_in(session, self._schema):
            if self._statistic.each is not None:
                each = f"SELECT * FROM ({self._statistic.each}) AS slice LIMIT 0"
                values |= dict.fromkeys(session.columns(each, {}))
            return session.columns(f"SELECT * FROM {self._part} LIMIT 0", values)

    # By the stream's key, range by range

    def last_of_range(self, session: Session, after: Key | None, rows: int) -> Key | None:
        """The key that stands `rows` rows behind `after`; None where there are fewer."""
        key = _names(self._following.key)
        condition, values = self._behind("part", after, {})
        with speaking_in(session, self._schema):
            return session.one(
                f"SELECT {key} FROM {self._part} WHERE {condition} ORDER BY {key} LIMIT 1 OFFSET {rows - 1}", values
            )

    def fill_range(self, session: Session, after: Key | None, up_to: Key | None) -> int:
        """Count the entities of one range of keys into both shadows; how many rows were kept of them."""
        members = self._shadow(self._following.members)
        of_part, values = self._within("part", after, up_to)
        of_member, _ = self._within("member", after, up_to)
        with speaking_in(session, self._schema):
            kept = session.execute(self._kept(members, of_part), values)
            session.execute(self._added(self._shadow(self._statistic.table), members, of_member), values)
        return kept

    # What has changed

    def follow(self, session: Session, keys: Sequence[Key]) -> None:
        """Count these entities as they are now, in the place of what they counted for before."""
        table, members = self._place(self._statistic.table), self._place(self._following.members)
        of_part, values = self._among("part", keys)
        of_member, _ = self._among("member", keys)
        groups = _names(self._shape.groups)
        with speaking_in(session, self._schema):
            left = session.rows(f"SELECT DISTINCT {groups} FROM {members} AS member WHERE {of_member}", values)
            session.execute(self._subtracted(table, members, of_member), values)
            session.execute(f"DELETE member FROM {members} AS member WHERE {of_member}", values)
            session.execute(self._kept(members, of_part), values)
            session.execute(self._added(table, members, of_member), values)
            if left:
                session.execute(*self._emptied(table, members, left))

    def _kept(self, members: str, condition: str) -> str:
        """Into `members`: what each entity counts for, a row for each of its groups."""
        keys = tuple(dict.fromkeys((*self._following.key, *self._shape.groups)))
        sums = ", ".join(f"SUM({_name(one)})" for one in self._shape.values)
        return (
            f"INSERT INTO {members} ({_names((*keys, *self._shape.values))}) "
            f"SELECT {_names(keys)}, {sums} FROM {self._part} WHERE {condition} GROUP BY {_names(keys)}"
        )

    def _added(self, table: str, members: str, condition: str) -> str:
        shape = self._shape
        more = ", ".join(f"{_name(one)} = {table}.{_name(one)} + gained.{_name(one)}" for one in shape.values)
        return (
            f"INSERT INTO {table} ({_names(shape.columns)}) SELECT * FROM ({self._sums(members, condition)}) "
            f"AS gained ON DUPLICATE KEY UPDATE {more}"
        )

    def _subtracted(self, table: str, members: str, condition: str) -> str:
        less = ", ".join(
            f"{table}.{_name(one)} = {table}.{_name(one)} - lost.{_name(one)}" for one in self._shape.values
        )
        return (
            f"UPDATE {table} JOIN ({self._sums(members, condition)}) AS lost USING ({_names(self._shape.groups)}) "
            f"SET {less}"
        )

    def _emptied(self, table: str, members: str, left: Sequence[tuple[Any, ...]]) -> tuple[str, dict[str, object]]:
        """A sum of 0 does not say that nothing is there, so the members are asked."""
        same = " AND ".join(f"member.{_name(one)} = {table}.{_name(one)}" for one in self._shape.groups)
        condition, values = _tuples([f"{table}.{_name(one)}" for one in self._shape.groups], left)
        return (
            f"DELETE FROM {table} WHERE {condition} AND NOT EXISTS (SELECT 1 FROM {members} AS member WHERE {same})",
            values,
        )

    def _sums(self, members: str, condition: str) -> str:
        groups = _names(self._shape.groups)
        sums = ", ".join(f"SUM({_name(one)}) AS {_name(one)}" for one in self._shape.values)
        return f"SELECT {groups}, {sums} FROM {members} AS member WHERE {condition} GROUP BY {groups}"

    def _within(self, alias: str, after: Key | None, up_to: Key | None) -> tuple[str, dict[str, object]]:
        behind, values = self._behind(alias, after, {})
        if up_to is None:
            return behind, values
        beyond, values = self._behind(alias, up_to, values, "to")
        return f"{behind} AND NOT ({beyond})", values

    def _behind(
        self, alias: str, key: Key | None, values: Mapping[str, object], mark: str = "after"
    ) -> tuple[str, dict[str, object]]:
        """Keys greater than `key`, spelt out: the server finds no range in a comparison of rows."""
        given = {**self._statistic.parameters, **values}
        if key is None:
            return "TRUE", given
        columns = [f"{alias}.{_name(one)}" for one in self._following.key]
        given |= {f"{mark} {place}": part for place, part in enumerate(key)}
        cases = [
            " AND ".join(
                [f"{column} = %({mark} {place})s" for place, column in enumerate(columns[:last])]
                + [f"{columns[last]} > %({mark} {last})s"]
            )
            for last in range(len(columns))
        ]
        return "(" + " OR ".join(cases) + ")", given

    def _among(self, alias: str, keys: Sequence[Key]) -> tuple[str, dict[str, object]]:
        condition, values = _tuples([f"{alias}.{_name(one)}" for one in self._following.key], keys)
        return condition, {**self._statistic.parameters, **values}

    def _shadow(self, table: str) -> str:
        return self._place(shadow_of(table))

    def _place(self, table: str) -> str:
        return beside_arguments(qualified(self._schema, table))


def _tuples(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[str, dict[str, object]]:
    """`(a, b) IN (…)` with named values, which no parameter of a file can be called."""
    values = {f"row {number} {place}": part for number, row in enumerate(rows) for place, part in enumerate(row)}
    marks = [", ".join(f"%(row {number} {place})s" for place, _ in enumerate(row)) for number, row in enumerate(rows)]
    if len(columns) == 1:
        return f"{columns[0]} IN ({', '.join(marks)})", values
    return f"({', '.join(columns)}) IN ({', '.join(f'({one})' for one in marks)})", values


def _name(name: str) -> str:
    return beside_arguments(quoted(name))


def _names(names: Sequence[str]) -> str:
    return beside_arguments(quoted(*names))


def _plain(value: object) -> Value:
    """As it can be kept with the run: a moment or an exact number by its text, which MySQL reads back."""
    if isinstance(value, bytes):
        raise ConfigError("`each` gives bytes; write HEX(column) in it, and UNHEX(%(column)s) in the SQL")
    return value if value is None or isinstance(value, str | int | float) else str(value)
