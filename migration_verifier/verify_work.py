"""One unit of a verification in one process: done in short snapshots, with its progress kept as it goes."""

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from db import verify_raw, verify_store
from db.engine import Database, Session
from db.sources import SourceBook
from db.verify_raw import LaneSlice
from db.verify_rows import CheckedTable
from db.verify_store import Unit
from migration_core.difference import Difference, DifferenceKind
from migration_core.lane import key_hash
from migration_core.steps import Reached, Step, nothing
from migration_verifier.verify_fold import StreamCheck
from migration_verifier.verify_lane import LaneVerifier
from migration_verifier.verify_walk import KnownKeys, walk

_SAVE_SECONDS = 1.0
_HELD_DIFFERENCES = 1000
"""Found before they are stored."""
_KNOWN_KEYS = 4_000_000
"""In memory at once, 8 bytes each; a table of more is walked over several times."""
_CALM_SECONDS = 1.0
_COUNTED_ROWS = 20_000_000
"""Of a larger table a count takes longer than a statement may."""


@dataclass(slots=True)
class Throttle:
    """Waits while the server runs more than `most` statements; 0 never waits."""

    running: Callable[[], int]
    most: int = 0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _asked: float = float("-inf")

    def wait(self) -> None:
        """Return once the server is calm; it is asked once a second at most."""
        while self.most and self.clock() - self._asked >= _CALM_SECONDS:
            if self.running() <= self.most:
                self._asked = self.clock()
            else:
                self.pause(_CALM_SECONDS)


@dataclass(frozen=True, slots=True)
class Worker:
    """What one process needs to do units of one run."""

    database: Database
    run_id: int
    checks: Mapping[str, StreamCheck]
    throttle: Throttle
    keep: int
    """Differences of one pattern that are kept as rows."""
    told: Callable[[int], None] = lambda _rows: None
    reached: Reached = nothing
    sources: SourceBook = field(default_factory=SourceBook)

    def do(self, unit: Unit) -> None:
        """Go on with `unit` where it stands, to its end."""
        if unit.kind == "fold":
            self._fold(unit)
        else:
            self._walk(unit)

    def _fold(self, unit: Unit) -> None:
        check = self.checks[unit.stream]
        part = LaneSlice(unit.stream, check.stream_id, unit.lane, unit.hashes)
        verifier = LaneVerifier(self.database, check, part, self.sources)
        place = int(unit.progress.get("place", 0))
        begun = {"settled": unit.progress.get("settled", self._settled(part))}
        resumed = bool(unit.progress)
        kept = _Kept(self, unit)
        for chunk in verifier.chunks(after=place, since=unit.since):
            place = chunk.place
            kept.add(chunk.rows, chunk.differences, begun | {"place": place, "resumed": resumed}, verifier.watermark)
            self.throttle.wait()
        hashes = array("Q", sorted(map(key_hash, verifier.keys)))
        kept.save(begun | {"place": place, "resumed": resumed}, verifier.watermark, hashes=hashes, done=True)

    def _settled(self, part: LaneSlice) -> int:
        """Read before any row is: what is settled from here on may be missed."""
        with self.database.transaction() as session:
            return verify_raw.settled(session, part.stream_id)[part.lane]

    def _walk(self, unit: Unit) -> None:
        check = self.checks[unit.stream]
        (table,) = (one for one in check.tables if one.table.name == unit.table)
        kept = _Kept(self, unit)
        if not unit.progress and (rows := self._counted(check, table)) is not None:
            kept.add(Counter({unit.table: rows}), [], {})
            kept.save({"counted": True}, done=True)
            return
        after = tuple(unit.progress.get("after", ())) or None
        group = int(unit.progress.get("group", 0))
        for number, known in enumerate(self._known(unit.stream)):
            if number < group:
                continue
            for page in walk(self.database, check, table, known, after=after):
                walked = Counter({unit.table: page.entities} if number == 0 else {})
                kept.add(walked, page.differences, {"group": number, "after": page.after})
                self.throttle.wait()
            after = None
        kept.save({}, done=True)

    def _counted(self, check: StreamCheck, table: CheckedTable) -> int | None:
        """The rows of the table, where their number alone proves that none is extra; else None.

        It does when every row that belongs there was seen once, and nothing was applied since.
        """
        name = table.table.name
        with self.database.transaction() as session:
            folds = [
                unit
                for unit in verify_store.units(session, self.run_id)
                if unit.kind == "fold" and unit.stream == check.stream.name
            ]
            expected = sum(unit.compared.get(name, 0) for unit in folds)
            if expected > _COUNTED_ROWS or any(unit.progress.get("resumed") for unit in folds):
                return None
            odd = verify_store.patterns(session, self.run_id)
            if any(one.table == name and one.kind != DifferenceKind.DIFFERENT for one in odd):
                return None
            if self._moved(session, check, folds) or table.count(session) != expected:
                return None
            return None if self._moved(session, check, folds) else expected

    def _moved(self, session: Session, check: StreamCheck, folds: Sequence[Unit]) -> bool:
        now = verify_raw.watermarks(session, check.stream_id)
        return any(now[unit.lane] != unit.watermark for unit in folds)

    def _known(self, stream: str) -> Iterator[KnownKeys]:
        """All keys of the stream, some lanes at a time."""
        with self.database.transaction() as session:
            folds = verify_store.folds(session, self.run_id, stream)
        waiting: list[tuple[int, int, int, int]] = []
        for fold in folds:
            full = sum(one[3] for one in waiting) + fold[3] > _KNOWN_KEYS
            if waiting and full and waiting[-1][1] != fold[1]:
                yield self._loaded(waiting)
                waiting = []
            waiting.append(fold)
        yield self._loaded(waiting)

    def _loaded(self, folds: list[tuple[int, int, int, int]]) -> KnownKeys:
        with self.database.transaction() as session:
            return KnownKeys(
                (lane, watermark, verify_store.key_hashes(session, self.run_id, unit))
                for unit, lane, watermark, _ in folds
            )


class _Kept:
    """Gathers what a unit finds, and keeps it in one transaction with the place that it belongs to."""

    def __init__(self, worker: Worker, unit: Unit) -> None:
        self._worker = worker
        self._unit = unit
        self._compared = Counter(unit.compared)
        self._found: list[Difference] = []
        self._saved = worker.throttle.clock()

    def add(
        self,
        rows: Counter[str],
        differences: list[Difference],
        progress: Mapping[str, object],
        watermark: int = 0,
    ) -> None:
        self._compared.update(rows)
        self._found += differences
        self._worker.told(rows.total())
        due = self._worker.throttle.clock() - self._saved >= _SAVE_SECONDS
        if due or len(self._found) >= _HELD_DIFFERENCES:
            self.save(progress, watermark)

    def save(
        self,
        progress: Mapping[str, object],
        watermark: int = 0,
        *,
        hashes: "array[int] | None" = None,
        done: bool = False,
    ) -> None:
        worker, unit = self._worker, self._unit
        worker.reached(Step.VERIFIER_COMPARED)
        with worker.database.transaction() as session:
            verify_store.store_differences(session, worker.run_id, unit.stream, self._found, keep=worker.keep)
            verify_store.move(
                session, worker.run_id, unit,
                progress=progress, watermark=watermark, compared=self._compared, hashes=hashes, done=done,
            )  # fmt: skip
        worker.reached(Step.VERIFIER_SAVED)
        self._unit = replace(unit, moves=unit.moves + 1)
        self._found = []
        self._saved = worker.throttle.clock()
