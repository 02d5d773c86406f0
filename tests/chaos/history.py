"""What became of each entity over time: never back, nothing twice, nothing without a raw row as its cause."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tests.chaos.row_log import Change

Place = tuple[str, tuple[object, ...]]
"""(table, primary key)."""


@dataclass
class History:
    """Folds the changes of a log, in its order."""

    backwards: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    rows: dict[Place, int] = field(default_factory=dict)
    """{row: its sequence}, as the last change left it."""
    sequences: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """{table: every sequence that was ever written to it}."""
    _highest: dict[Place, int] = field(default_factory=dict)
    """Also of rows that are deleted by now."""

    def fold(self, changes: Iterable[Change]) -> "History":
        for change in changes:
            place = (change.table, change.key)
            if change.sequence is None:
                self.rows.pop(place, None)
            else:
                self._written(place, change.sequence)
        return self

    def without_cause(self, table: str, causes: Collection[int]) -> list[str]:
        """Sequences in `table` that no raw row of its stream has which was neither parked nor rejected."""
        return [f"{table} was written by {one}, which is no applied row" for one in sorted(self.sequences[table])
                if one not in causes]  # fmt: skip

    def incomplete(self, rows: Mapping[Place, int]) -> list[str]:
        """Where the end of the history is not what the tables hold: then the history proves nothing."""
        odd = {place for place in self.rows.keys() | rows.keys() if self.rows.get(place) != rows.get(place)}
        return [f"{place} is {rows.get(place)}, its history ends with {self.rows.get(place)}" for place in
                sorted(odd, key=str)]  # fmt: skip

    def _written(self, place: Place, sequence: int) -> None:
        before = self._highest.get(place, 0)
        if sequence < before:
            self.backwards.append(f"{place} went back from {before} to {sequence}")
        elif sequence == before:
            self.twice.append(f"{place} was written twice by {sequence}")
        self._highest[place] = max(before, sequence)
        self.rows[place] = sequence
        self.sequences[place[0]].add(sequence)
