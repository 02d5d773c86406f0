"""EXPLAIN FORMAT=JSON, version 1, as plain values: which tables are read how, and what is sorted.

Version 2 tells more of the executor, but nothing at all of UPDATE and DELETE, and no index of a row that is read
before execution.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

_NOT_IN_A_NAME = re.compile(r"[(), ]+")
_WAYS_THROUGH_ALL = frozenset({"ALL", "index"})


@dataclass(frozen=True, slots=True)
class Access:
    """How one table is read."""

    table: str
    way: str
    """MySQL's word: const, eq_ref, ref, range, index, ALL …"""
    indexes: tuple[str, ...]
    rows: int
    """Estimated, each time that it is read."""

    @property
    def is_scan(self) -> bool:
        """Whether it goes through the whole table, or through a whole index."""
        return self.way in _WAYS_THROUGH_ALL

    def __str__(self) -> str:
        by = f" by {', '.join(self.indexes)}" if self.indexes else ""
        return f"{self.table}: {self.way}{by}, {self.rows:,} rows"


@dataclass(frozen=True, slots=True)
class Sort:
    """Rows that are sorted or kept in a temporary table."""

    kind: str
    rows: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.rows:,} rows"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the optimiser means to do; `message` is what it says instead of a plan, as when no row can match."""

    accesses: tuple[Access, ...]
    sorts: tuple[Sort, ...]
    message: str = ""

    def lines(self) -> tuple[str, ...]:
        """For people, and to be kept for the next look."""
        return (*map(str, self.accesses), *map(str, self.sorts), *([self.message] if self.message else ()))


def plan_of(explained: str, sql: str, tables: Collection[str]) -> Plan:
    """The plan in the server's JSON; aliases in it are resolved by the statement itself."""
    root = json.loads(explained)["query_block"]
    accesses = tuple(
        Access(_table_of(node["table_name"], sql, tables), node["access_type"], _indexes(node), _rows(node))
        for node in _nodes(root)
        if _is_table(node)
    )
    sorts = tuple(
        Sort(kind, max((_produced(inner) for inner in _nodes(node) if _is_table(inner)), default=0))
        for node in _nodes(root)
        for flag, kind in (("using_filesort", "filesort"), ("using_temporary_table", "temporary table"))
        if node.get(flag)
    )
    return Plan(accesses, sorts, root.get("message", ""))


def _nodes(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON has many types
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(inner)


def _is_table(node: dict[str, Any]) -> bool:
    """A table of the schema, not one that the statement makes on its way."""
    made = node.get("table_name", "<").startswith("<") or "materialized_from_subquery" in node
    return "access_type" in node and not made


def _indexes(node: dict[str, Any]) -> tuple[str, ...]:
    # An index merge reads "sort_union(ix_a,PRIMARY)".
    words = _NOT_IN_A_NAME.split(node.get("key", ""))
    return tuple(word for word in words if word and word not in ("union", "sort_union", "intersect"))


def _rows(node: dict[str, Any]) -> int:
    return int(node.get("rows_examined_per_scan", 0))


def _produced(node: dict[str, Any]) -> int:
    return int(node.get("rows_produced_per_join", _rows(node)))


def _table_of(alias: str, sql: str, tables: Collection[str]) -> str:
    if alias in tables:
        return alias
    found = re.findall(rf"`?(\w+)`?\s+(?:AS\s+)?`?{re.escape(alias)}\b", sql, re.IGNORECASE)
    return next((name for name in found if name in tables), alias)
