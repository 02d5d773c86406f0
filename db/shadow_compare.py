"""What a replay would change: shadow tables beside the present ones, and rejects beside rejects, counted in SQL."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from db.bulk import beside_arguments, qualified, quoted
from db.engine import Database, Session
from db.shadow import Shadow
from db.shadow_tables import shadow_of
from migration_core.target import TargetColumn, TargetTable

_ROWS_AT_ONCE = 20_000
Where = Callable[[str], str]
"""A condition, for the alias of a table."""
_TEXT = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")


@dataclass(frozen=True, slots=True)
class TableComparison:
    """One table: rows of both, and how those differ."""

    table: str
    present: int
    replayed: int
    only_present: int
    only_replayed: int
    different: int
    """Rows of one primary key that differ in any column."""
    columns: dict[str, int]
    """{column: rows that differ in it}, without those that do not."""


@dataclass(frozen=True, slots=True)
class RejectComparison:
    """One pattern: rows that only one of both rejects."""

    stage: str
    code: str
    field_path: str
    new: int
    gone: int


def compare_table(database: Database, schema: str, table: TargetTable) -> TableComparison:
    """In ranges of the first key column, so that no statement lasts for long."""
    present, replayed = _place(schema, table.name), _place(schema, shadow_of(table.name))
    on = " AND ".join(f"p.{_name(name)} = s.{_name(name)}" for name in table.primary_key)
    first = _name(table.primary_key[0])
    columns = [column for column in table.columns if not column.generated]
    unequal = [_unequal(column) for column in columns]
    sums = ", ".join(f"COALESCE(SUM({one}), 0)" for one in (" OR ".join(unequal), *unequal))
    totals = [0] * (4 + len(columns) + 1)
    for where, args in _ranges(database, present, replayed, first):
        with database.transaction() as session:
            counts = [
                _count(session, f"SELECT COUNT(*) FROM {present} p WHERE {where('p')}", args),
                _count(session, f"SELECT COUNT(*) FROM {replayed} s WHERE {where('s')}", args),
                _count(session, _alone(present, "p", replayed, "s", on, where), args),
                _count(session, _alone(replayed, "s", present, "p", on, where), args),
            ]
            found = session.one(f"SELECT {sums} FROM {present} p JOIN {replayed} s ON {on} WHERE {where('p')}", args)
        counts += map(int, found or [0] * (len(columns) + 1))
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
    by_column = {column.name: count for column, count in zip(columns, totals[5:], strict=True) if count}
    return TableComparison(table.name, totals[0], totals[1], totals[2], totals[3], totals[4], by_column)


def compare_rejects(database: Database, shadow: Shadow) -> list[RejectComparison]:
    """Of the rows that both have an outcome for."""
    found: dict[tuple[str, str, str], list[int]] = {}
    ids = (shadow.shadow_id, shadow.stream.stream_id)
    with database.transaction() as session:
        for place, (own, other) in enumerate((ids, ids[::-1])):
            rows = session.rows(
                "SELECT p.stage, p.code, p.field_path, COUNT(*) FROM reject r JOIN reject_pattern p USING (pattern_id) "
                "JOIN lane_progress l ON l.stream_id = %s AND l.lane = r.lane AND r.sequence <= l.applied "
                "LEFT JOIN reject o ON o.stream_id = %s AND o.lane = r.lane AND o.sequence = r.sequence "
                "WHERE r.stream_id = %s AND o.lane IS NULL GROUP BY p.stage, p.code, p.field_path",
                (other, other, own),
            )
            for stage, code, path, count in rows:
                found.setdefault((stage, code, path), [0, 0])[place] = count
    return [RejectComparison(*pattern, *counts) for pattern, counts in sorted(found.items())]


def _alone(table: str, name: str, other: str, other_name: str, on: str, where: Where) -> str:
    return (
        f"SELECT COUNT(*) FROM {table} {name} WHERE {where(name)} "
        f"AND NOT EXISTS (SELECT 1 FROM {other} {other_name} WHERE {on})"
    )


def _unequal(column: TargetColumn) -> str:
    """Text by its bytes: a collation may call two of them equal."""
    name = _name(column.name)
    if column.data_type in _TEXT:
        return f"NOT (CAST(p.{name} AS BINARY) <=> CAST(s.{name} AS BINARY))"
    return f"NOT (p.{name} <=> s.{name})"


def _ranges(database: Database, present: str, replayed: str, first: str) -> Iterator[tuple[Where, list[object]]]:
    """Conditions that together hold every row of both tables once."""
    after: list[object] = []
    while True:
        low = _condition(first, low=bool(after))
        ends = []
        for table in (present, replayed):
            with database.transaction() as session:
                end = session.one(
                    f"SELECT t.{first} FROM {table} t WHERE {low('t')} ORDER BY t.{first} "
                    f"LIMIT 1 OFFSET {_ROWS_AT_ONCE}",
                    after,
                )
            if end is not None:
                ends.append(end[0])
        if not ends:
            yield low, after
            return
        yield _condition(first, low=bool(after), high=True), [*after, min(ends)]
        after = [min(ends)]


def _condition(first: str, *, low: bool, high: bool = False) -> Where:
    """Of a table by its alias."""

    def where(alias: str) -> str:
        tests = [f"{alias}.{first} > %s"] * low + [f"{alias}.{first} <= %s"] * high
        return " AND ".join(tests) or "TRUE"

    return where


def _count(session: Session, sql: str, args: list[object]) -> int:
    found = session.one(sql, args)
    return int(found[0]) if found else 0


def _place(schema: str, table: str) -> str:
    return beside_arguments(qualified(schema, table))


def _name(column: str) -> str:
    return beside_arguments(quoted(column))
