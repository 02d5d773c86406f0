"""Compares a processed table with what a model expects of it, row by row, in constant memory."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from examples.scenario import ExpectedTable, Row


class Verdict(StrEnum):
    """How a row can differ."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as expected; for DIFFERENT, one column of it."""

    table: str
    verdict: Verdict
    key: Row
    column: str = ""
    expected: object = None
    actual: object = None

    def __str__(self) -> str:
        where = f"{self.table} {self.key!r}"
        if self.verdict is Verdict.DIFFERENT:
            return f"{where}: {self.column} is {self.actual!r}, should be {self.expected!r}"
        return f"{where}: {self.verdict}"


def differences(table: ExpectedTable, expected: Iterable[Row], actual: Iterable[Row]) -> Iterator[Difference]:
    """Every difference; both sides hold `table.columns` and come in key order, which is checked."""
    places = [table.columns.index(column) for column in table.key]
    wanted, found = _keyed(expected, places, "the model"), _keyed(actual, places, "the table")
    left, right = next(wanted, None), next(found, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # noqa: S101 - the loop ends when both are None
            yield Difference(table.name, Verdict.MISSING, left[0])
            left = next(wanted, None)
        elif left is None or right[0] < left[0]:
            yield Difference(table.name, Verdict.UNEXPECTED, right[0])
            right = next(found, None)
        else:
            yield from _columns(table, left, right)
            left, right = next(wanted, None), next(found, None)


def _columns(table: ExpectedTable, left: tuple[Row, Row], right: tuple[Row, Row]) -> Iterator[Difference]:
    if left[1] == right[1]:
        return
    for column, expected, actual in zip(table.columns, left[1], right[1], strict=True):
        if column in table.json_columns and isinstance(actual, str | bytes):
            # Numbers inside JSON are compared as numbers, members in any order: MySQL stores them its own way.
            same = json.loads(actual, parse_float=Decimal) == expected
        else:
            same = actual == expected
        if not same:
            yield Difference(table.name, Verdict.DIFFERENT, left[0], column, expected, actual)


def _keyed(rows: Iterable[Row], places: list[int], side: str) -> Iterator[tuple[Row, Row]]:
    last: Row | None = None
    for row in rows:
        key = tuple(row[place] for place in places)
        if last is not None and not last < key:
            raise ValueError(f"{side} is not in key order: {key!r} follows {last!r}")
        last = key
        yield key, row
