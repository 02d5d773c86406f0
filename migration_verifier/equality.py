"""What the runs of verification say together of each processed table: the last whole comparison, and those since."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from db import verify_store
from db.engine import Database, Session
from db.verify_store import PatternCount, Run, Unit
from migration_core.mapping import CompiledMapping
from migration_core.report import AssertionOutcome, Equality, SnapshotComparison, TableResult
from migration_verifier.verify_assert import AssertionResult

_NO_RUN = (1 << 32) - 1
"""Above the number of every run."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """The runs that stand for one stream: the newest first, the one that compared everything last."""

    runs: Sequence[Run]
    whole: bool


def equality(database: Database, mapping: CompiledMapping) -> Equality | None:
    """None when nothing was ever verified to the end."""
    with database.transaction() as session:
        runs = verify_store.finished(session)
        if not runs:
            return None
        book = _Book(session, runs)
        tables = tuple(
            book.table(chain, name, table.name)
            for name, stream in mapping.streams.items()
            for chain in [book.chain(name)]
            for table in stream.tables
        )
        return Equality(tables, tuple(book.assertions(mapping.streams)), book.snapshot())


def oldest_that_counts(database: Database) -> int:
    """The oldest run that the verdict of today rests on; those before it are history."""
    with database.transaction() as session:
        runs = verify_store.finished(session)
        book = _Book(session, runs)
        streams = {name for run in runs for name in run.detail["streams"]}
        counted = (run.run_id for name in streams for run in book.chain(name).runs)
        return min(counted, default=_NO_RUN)


class _Book:
    """All runs, with their units and patterns read once."""

    def __init__(self, session: Session, runs: Sequence[Run]) -> None:
        self._session = session
        self._runs = runs
        self._units: dict[int, list[Unit]] = {}
        self._patterns: dict[int, list[PatternCount]] = {}

    def chain(self, stream: str) -> _Chain:
        """From the newest run that compared this stream with its raw rows back to one that compared all of it."""
        found: list[Run] = []
        for run in self._runs:
            if run.against is not None or stream not in run.detail["streams"]:
                continue
            if found and run.run_id != found[-1].since:
                continue
            found.append(run)
            if any(unit.kind == "walk" and unit.stream == stream for unit in self._of(run)):
                return _Chain(found, whole=True)
        return _Chain(found, whole=False)

    def table(self, chain: _Chain, stream: str, table: str) -> TableResult:
        """The runs of a chain together: those behind the newest found everything equal."""
        rows = [self._compared(run, stream)[table] for run in chain.runs]
        wrong = sum(one.differences for run in chain.runs for one in self._patterns_of(run) if one.table == table)
        at = _moment(chain.runs[0]) if chain.whole else ""
        return TableResult(table, rows[-1] if chain.whole else 0, sum(rows[:-1]), wrong, at)

    def assertions(self, streams: Mapping[str, object]) -> Iterator[AssertionOutcome]:
        """What each said last; runs that look only at changes leave them out."""
        told: set[tuple[str, str]] = set()
        for run in self._runs:
            for one in map(AssertionResult.from_json, run.detail.get("assertions", ())):
                if one.stream in streams and (one.stream, one.name) not in told:
                    told.add((one.stream, one.name))
                    yield AssertionOutcome(one.stream, one.name, one.groups, len(one.disagreements), _moment(run))

    def snapshot(self) -> SnapshotComparison | None:
        """The newest comparison with a folder."""
        for run in self._runs:
            if run.against is not None:
                wrong = sum(one.differences for one in self._patterns_of(run))
                rows = sum(run.detail.get("compared", {}).values())
                return SnapshotComparison(run.against, rows, wrong, _moment(run))
        return None

    def _compared(self, run: Run, stream: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for unit in self._of(run):
            if unit.kind == "fold" and unit.stream == stream:
                found.update(unit.compared)
        return found

    def _of(self, run: Run) -> list[Unit]:
        if run.run_id not in self._units:
            self._units[run.run_id] = verify_store.units(self._session, run.run_id)
        return self._units[run.run_id]

    def _patterns_of(self, run: Run) -> list[PatternCount]:
        if run.run_id not in self._patterns:
            self._patterns[run.run_id] = verify_store.patterns(self._session, run.run_id)
        return self._patterns[run.run_id]


def _moment(run: Run) -> str:
    return run.finished_at.isoformat(sep=" ", timespec="seconds") if run.finished_at else ""
