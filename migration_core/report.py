"""The sign-off report as plain values: sections of one shape, a verdict over them, and what changed since another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from migration_core.gate import Gate, GateVerdict

Cell = str | int | float | bool | None


class Standing(StrEnum):
    """What a section says; OPEN is "not done", which counts as not signed off, and FACT passes no judgement."""

    GOOD = "passed"
    NOTED = "noted"
    BAD = "failed"
    OPEN = "not done"
    FACT = ""


_NOT_COMPARED = ("samples",)
"""Which records stand as samples says nothing."""


def counted(number: int, word: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


SHUT = (Standing.BAD, Standing.OPEN)


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the report with the sentence that it comes to."""

    key: str
    title: str
    standing: Standing
    sentence: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    named_by: int = 1
    """How many of the first columns say which row it is."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line over time: (seconds since the epoch, value)."""

    key: str
    title: str
    unit: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, at one moment."""

    made_at: str
    version: str
    sections: tuple[Section, ...]
    series: tuple[Series, ...] = ()

    @property
    def open_points(self) -> list[Section]:
        """What stands against a signature."""
        return [one for one in self.sections if one.standing in SHUT]

    @property
    def ready(self) -> bool:
        """Whether it may be signed."""
        return not self.open_points


def gate_section(key: str, title: str, gates: Sequence[Gate], *, when: str, not_done: str) -> Section:
    """A section of what gates said; without any it is not done."""
    if not gates:
        return Section(key, title, Standing.OPEN, not_done)
    shut = sum(gate.verdict is GateVerdict.FAIL for gate in gates)
    noted = sum(gate.verdict is GateVerdict.WARN for gate in gates)
    standing = Standing.BAD if shut else Standing.NOTED if noted else Standing.GOOD
    told = f"{shut} of {counted(len(gates), 'check')} failed" if shut else f"{counted(len(gates), 'check')} passed"
    with_notes = f", {noted} of them with a note" if noted and not shut else ""
    rows = tuple((gate.name, gate.verdict.value, gate.found, gate.remedy) for gate in gates)
    return Section(key, title, standing, f"{told}{with_notes}{when}.", ("check", "result", "found", "remedy"), rows)


def as_plain(report: Report) -> dict[str, Any]:
    """For JSON, and what `changes` reads back."""
    return {
        "made_at": report.made_at,
        "version": report.version,
        "ready": report.ready,
        "open": [one.title for one in report.open_points],
        "sections": [
            {
                "key": one.key, "title": one.title, "standing": one.standing.value, "sentence": one.sentence,
                "columns": list(one.columns), "rows": [list(row) for row in one.rows], "named_by": one.named_by,
            }
            for one in report.sections
        ],
        "series": [
            {"key": one.key, "title": one.title, "unit": one.unit, "points": [list(point) for point in one.points]}
            for one in report.series
        ],
    }  # fmt: skip


def changes(before: Mapping[str, Any], sections: Iterable[Section]) -> Section:
    """What is not as it was in another report, as a section of its own."""
    earlier = {one["key"]: one for one in before["sections"]}
    rows: list[tuple[Cell, ...]] = []
    for section in sections:
        if section.key in _NOT_COMPARED:
            continue
        old = earlier.get(section.key)
        rows += _section_changes(section, old)
    told = f"{counted(len(rows), 'difference')} from the report of {before['made_at']}." if rows else (
        f"Nothing has changed since the report of {before['made_at']}."
    )  # fmt: skip
    columns = ("section", "row", "what", "before", "now")
    return Section("changes", "What changed since the earlier report", Standing.FACT, told, columns, tuple(rows), 3)


def _section_changes(now: Section, old: Mapping[str, Any] | None) -> list[tuple[Cell, ...]]:
    if old is None:
        return [(now.title, "", "section", None, "new")]
    found: list[tuple[Cell, ...]] = []
    if old["standing"] != now.standing.value:
        found.append((now.title, "", "result", old["standing"] or "fact", now.standing.value or "fact"))
    was = _by_name(old["columns"], old["rows"], old["named_by"])
    is_ = _by_name(now.columns, now.rows, now.named_by)
    for name in [*is_, *(one for one in was if one not in is_)]:
        if name not in was or name not in is_:
            found.append((now.title, name, "row", *(("there", None) if name in was else (None, "there"))))
            continue
        for column in now.columns[now.named_by :]:
            one, other = was[name].get(column), is_[name].get(column)
            if one != other:
                found.append((now.title, name, column, one, other))
    return found


def _by_name(columns: Sequence[str], rows: Iterable[Sequence[Cell]], named_by: int) -> dict[str, dict[str, Cell]]:
    return {" ".join(str(cell) for cell in row[:named_by]): dict(zip(columns, row, strict=True)) for row in rows}


@dataclass(frozen=True, slots=True)
class TableResult:
    """What the runs of verification that stand for one processed table say of it together."""

    table: str
    rows: int
    """Compared by the run that compared everything."""
    again: int
    """Compared by later runs, which looked at what had changed since."""
    differences: int
    finished_at: str
    """Of the last of them; empty when the table was never compared to the end."""


@dataclass(frozen=True, slots=True)
class AssertionOutcome:
    """What a check that does not go through the mapping said last."""

    stream: str
    name: str
    groups: int
    disagreements: int
    finished_at: str


@dataclass(frozen=True, slots=True)
class SnapshotComparison:
    """The last comparison with a fresh snapshot folder of the legacy platform."""

    folder: str
    rows: int
    differences: int
    finished_at: str


@dataclass(frozen=True, slots=True)
class Equality:
    """Everything that was found by comparing."""

    tables: tuple[TableResult, ...]
    assertions: tuple[AssertionOutcome, ...] = ()
    snapshot: SnapshotComparison | None = None
