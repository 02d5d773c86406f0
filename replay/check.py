"""The proof at the end of a replay: tables, rejects and ledger against a model that shares no code with the copy."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from db.engine import Database
from db.ledger import Remainder, StreamLedger, remainders
from db.processed_rows import processed_rows
from db.reject_places import reject_places
from examples.comparing import differences
from examples.scenario import Counts, ExpectedReject, Model

_SHOWN = 20


@dataclass(slots=True)
class Verdict:
    """What the check found; it passed when there is nothing in any list."""

    rows_compared: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    difference_count: int = 0
    rejects: list[str] = field(default_factory=list)
    remainders: list[Remainder] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the copy is complete and equal, and every failure is one that was planted."""
        return not (self.differences or self.rejects or self.counts or any(one.total for one in self.remainders))


def check(database: Database, target_schema: str, model: Model, streams: Iterable[StreamLedger]) -> Verdict:
    """Compare everything that was copied with everything that `model` says."""
    verdict = Verdict()
    for table in model.tables:
        actual = processed_rows(database, target_schema, table.name, table.columns, table.key)
        counted = _Counted(actual)
        found = differences(table, model.rows(table.name), counted)
        first = list(islice(found, _SHOWN))
        verdict.differences += [str(difference) for difference in first]
        verdict.difference_count += len(first) + sum(1 for _ in found)
        verdict.rows_compared[table.name] = counted.count
    verdict.rejects = reject_differences(model.rejects(), reject_places(database))
    verdict.remainders = remainders(database)
    verdict.counts = count_differences(model.counts(), streams)
    return verdict


def reject_differences(expected: Iterable[ExpectedReject], actual: Iterable[tuple[Any, ...]]) -> list[str]:
    """Rejects that were planted and are missing, and rejects that nobody planted. Pure."""
    planted, found = Counter(map(tuple, expected)), Counter(map(tuple, actual))
    missing = [f"not rejected: {_place(one)}" for one in (planted - found).elements()]
    extra = [f"rejected, but not planted: {_place(one)}" for one in (found - planted).elements()]
    return sorted(missing) + sorted(extra)


def count_differences(expected: dict[str, Counts], streams: Iterable[StreamLedger]) -> list[str]:
    """Streams that hold more or fewer raw rows or rejects than the source gave. Pure."""
    found = []
    for one in streams:
        counts = expected[one.stream]
        if one.received != counts.snapshot + counts.stream:
            found.append(f"{one.stream}: {one.received} raw rows, the source gave {counts.snapshot + counts.stream}")
        if one.rejected != counts.rejected:
            found.append(f"{one.stream}: {one.rejected} rejected, {counts.rejected} were planted")
        if one.pending or one.parked:
            found.append(f"{one.stream}: {one.pending} pending and {one.parked} parked after the drain")
    return found


def _place(one: tuple[Any, ...]) -> str:
    stream, phase, source, place, code = one
    where = f"part {source} line {place}" if phase == "snapshot" else f"partition {source} offset {place}"
    return f"{stream} {phase} {where}: {code}"


class _Counted:
    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for row in self._rows:
            self.count += 1
            yield row
