"""Counting documents by members of their own, without any function of the mapping, and comparing with SQL. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from migration_core.mapping import Assertion

Group = str | Decimal | None
"""What was counted together; None is NULL, or all of it where nothing divides it."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One group that documents and tables count differently; None is a group that one side does not have."""

    group: str
    documents: str | None
    tables: str | None


@dataclass(slots=True)
class Tally:
    """What the documents say of one assertion."""

    assertion: Assertion
    groups: dict[Group, Decimal] = field(default_factory=dict)

    def add(self, document: Mapping[str, object]) -> None:
        """Count one document, or the elements of its list."""
        asked = self.assertion
        for node in [document] if asked.each is None else _elements(document, asked.each):
            group = _group(_member(node, asked.by)) if asked.by is not None else None
            worth = _number(_member(node, asked.sum)) if asked.sum is not None else Decimal(1)
            self.groups[group] = self.groups.get(group, Decimal(0)) + worth

    def disagreements(self, rows: Iterable[Sequence[object]]) -> list[Disagreement]:
        """Where the rows of the SQL query, (group, number) or one number, say something else."""
        divided = self.assertion.by is not None
        found = {_group(row[0]) if divided else None: _number(row[-1]) for row in rows}
        mine = self.groups if divided or self.groups else {None: Decimal(0)}
        return [
            Disagreement("NULL" if group is None else str(group), _told(mine.get(group)), _told(found.get(group)))
            for group in sorted({*mine, *found}, key=str)
            if mine.get(group) != found.get(group)
        ]


def _member(node: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _elements(document: Mapping[str, object], names: Sequence[str]) -> list[Any]:
    found = _member(document, names)
    return found if isinstance(found, list) else []


def _group(value: Any) -> Group:  # noqa: ANN401 - any JSON value or any value of a driver
    """1, 1.0 and true are one group, as they are in SQL; texts are told apart letter by letter."""
    match value:
        case None:
            return None
        case bytes():
            return value.decode(errors="backslashreplace")
        case bool() | int() | float() | Decimal():
            return _number(value)
    return str(value)


def _number(value: Any) -> Decimal:  # noqa: ANN401 - any JSON value or any value of a driver
    if isinstance(value, bool | int):
        return Decimal(int(value))
    if isinstance(value, float):
        return Decimal(repr(value))
    return value if isinstance(value, Decimal) else Decimal(0)


def _told(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"
