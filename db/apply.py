"""Applying raw rows of a lane: the one transaction that worker, sweeper, redrive and reload share."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from db import breaker, lanes, merged, parks, raw, rejects
from db.bulk import Repaired
from db.duplicates import duplicates_between
from db.engine import Database, Session
from db.errno import Answer, code_of
from db.failure import SqlError, sql_error
from db.lanes import LaneMove, LockedLane
from db.registry import RegisteredStream
from db.rejects import LaneRejection
from db.sources import SourceBook
from db.writing import TargetWriter
from migration_core.errors import Halted, Reason
from migration_core.folding import Context, Folded, fold_images, fold_partial
from migration_core.mapping import CompiledStream
from migration_core.outcome import Outcome
from migration_core.records import RawRow
from migration_core.steps import Reached, Step, nothing
from migration_core.unmapped import LookedAt


@dataclass(frozen=True, slots=True)
class Limits:
    """What one transaction may take."""

    rows: int = 4000
    size: int = 8 << 20
    """Bytes of raw values."""


@dataclass(slots=True)
class Applied:
    """What one transaction did; a lane that is in neither map was not reached within the limits."""

    rows: dict[int, int] = field(default_factory=dict)
    """{lane: raw rows that now have an outcome}."""
    unfinished: set[int] = field(default_factory=set)
    """Lanes with more open rows than this transaction took."""
    locked_elsewhere: set[int] = field(default_factory=set)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    """By stage."""
    times: list[int] = field(default_factory=list)
    """Kafka's time of the newest row of each lane, ms since the epoch."""
    looked: LookedAt = field(default_factory=LookedAt)
    """The fields that no column takes, of some of the rows."""

    def add(self, other: "Applied") -> None:
        """Sum up several transactions; what is left to do is the caller's to say."""
        for lane, rows in other.rows.items():
            self.rows[lane] = self.rows.get(lane, 0) + rows
        self.outcomes += other.outcomes
        self.rejects += other.rejects
        self.times += other.times
        self.looked.add(other.looked)

    def count(self, move: LaneMove, stages: Iterable[str] = ()) -> None:
        """Take in what became of one lane's rows."""
        self.outcomes += Counter(
            {
                Outcome.APPLIED: move.applied,
                Outcome.SUPERSEDED: move.superseded,
                Outcome.FILTERED: move.filtered,
                Outcome.PARKED: max(move.parked, 0),
                Outcome.REJECTED: move.rejected,
            }
        )
        self.rejects += Counter(stages)
        if move.time is not None:
            self.times.append(move.time)


class BadBatch(Exception):
    """The server refuses a value of this batch: find the row."""

    def __init__(self, reason: Reason, *, unique_key: str = "") -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.unique_key = unique_key
        """The secondary unique index that stands against it, if that is the cause."""


@dataclass(frozen=True, slots=True)
class StreamParts:
    """What applying one stream needs; `writer` decides which tables are written."""

    database: Database
    registered: RegisteredStream
    stream: CompiledStream
    writer: TargetWriter
    version: str
    sources: SourceBook = field(default_factory=SourceBook)
    reached: Reached = nothing
    raw_id: int | None = None
    """The stream whose raw rows are read, where `registered` is a run of its own over them."""
    look_every: int = 0
    """Of how many rows one is looked at for fields that no column takes; 0 of none."""


class LaneApplier:
    """Applies lanes of one stream; one database session at a time."""

    def __init__(self, parts: StreamParts) -> None:
        self._parts = parts

    def apply_batch(
        self,
        wanted: Sequence[int],
        limits: Limits,
        *,
        strict: bool = False,
        instead: tuple[int, BadBatch] | None = None,
    ) -> Applied:
        """One transaction over the lanes `wanted`, in lane order, as far as the limits go.

        `strict` writes by statements that fail instead of repairing. `instead` = (sequence, cause) settles that one
        row by its cause instead of writing it; when another row stands first by now, nothing is done.
        Raises BadBatch when a value cannot be stored, and SqlError for everything that may pass by itself.
        """
        done = Applied()
        try:
            with self._parts.database.transaction() as session:
                locked = lanes.lock(session, self._parts.registered.stream_id, wanted)
                self._parts.reached(Step.WORKER_LOCKED)
                for lane in locked:
                    lane.expect_mapping(self._parts.stream.hash)
                done.locked_elsewhere = set(wanted) - {lane.lane for lane in locked}
                taken = self._read(session, locked, limits, done)
                if instead is not None:
                    self._settle(session, taken, *instead, done)
                else:
                    self._write(session, taken, done, strict=strict)
                self._parts.reached(Step.WORKER_WATERMARK_MOVED)
        except Repaired as repaired:
            raise not_as_sent(repaired) from repaired
        self._parts.reached(Step.WORKER_COMMITTED)
        return done

    def pending(self, lane: int, rows: int) -> list[int]:
        """The sequences of the next open rows of a lane, read without a lock."""
        stream = self._parts.registered
        with self._parts.database.transaction() as session:
            found = session.one(
                "SELECT applied, open_to FROM lane_progress WHERE stream_id = %s AND lane = %s",
                (stream.stream_id, lane),
            )
            if found is None:
                raise Halted(f"lane {lane} of stream {stream.name!r} has no progress row: restore the control schema")
            return raw.sequences(session, stream.name, lane, found[0], found[1], rows=rows)

    def _read(self, session: Session, locked: Sequence[LockedLane], limits: Limits, done: Applied) -> list["_Taken"]:
        taken = []
        spans = [raw.Span(lane.lane, lane.applied, lane.open_to) for lane in locked]
        found = raw.read_lanes(session, self._parts.registered.name, spans, rows=limits.rows, size=limits.size)
        for lane, (rows, more) in zip(locked, found, strict=True):
            if more:
                done.unfinished.add(lane.lane)
            after = lanes.watermark_after(lane, rows[-1].sequence if rows else None, exhausted=not more)
            if after > lane.applied:
                taken.append(_Taken(lane, rows, after))
                done.rows[lane.lane] = len(rows)
        self._parts.sources.learn(session, (row for one in taken for row in one.rows))
        self._parts.reached(Step.WORKER_READ)
        return taken

    def _write(self, session: Session, taken: Sequence["_Taken"], done: Applied, *, strict: bool) -> None:
        folds = [(one, self._fold(session, one, done.looked)) for one in taken]
        self._parts.reached(Step.WORKER_TRANSFORMED)
        write_effects(session, self._parts, [(one.lane.lane, folded) for one, folded in folds], strict=strict)
        self._parts.reached(Step.WORKER_WRITTEN)
        moves = [self._record(session, one, folded) for one, folded in folds]
        for move, (_, folded) in zip(moves, folds, strict=True):
            done.count(move, [rejection.reason.stage for rejection in folded.rejections])
        rejections = [LaneRejection(o.lane.lane, r.row, r.reason) for o, f in folds for r in f.rejections]
        rejects.store_rejects(
            session,
            self._parts.registered.stream_id,
            self._parts.registered.name,
            rejections,
            version=self._parts.version,
        )
        self._parts.reached(Step.WORKER_OUTCOMES_WRITTEN)
        if moves:
            lanes.move(session, self._parts.registered.stream_id, moves)
        if rejections:
            breaker.check(
                session,
                self._parts.registered,
                [row.sequence for one in taken for row in one.rows],
                {one.row.sequence: one.reason for one in rejections},
                frozenset(row.sequence for _, folded in folds for row in folded.parked),
            )

    def _fold(self, session: Session, one: "_Taken", looked: LookedAt) -> Folded:
        sources = self._parts.sources
        rows = [row for row in one.rows if not sources.held_by_reload(row)]
        folded = self._fold_rows(session, one, rows, looked)
        folded.superseded += len(one.rows) - len(rows)
        return folded

    def _fold_rows(self, session: Session, one: "_Taken", rows: Sequence[RawRow], looked: LookedAt) -> Folded:
        stream_id, lane = self._parts.registered.stream_id, one.lane.lane
        keys = {row.entity_key for row in rows if row.entity_key is not None}
        parked = parks.parks_of(session, stream_id, lane, keys) if one.lane.parked else {}
        if self._parts.stream.partial:
            context = Context(
                positions=self._parts.sources.positions,
                parked=parked.keys(),
                documents=merged.documents_of(session, stream_id, lane, keys),
                in_window=self._parts.sources.in_window,
                is_document=self._parts.sources.is_document,
                looked=looked,
                look_every=self._parts.look_every,
            )
            return fold_partial(self._parts.stream, rows, context)
        context = Context(
            positions=self._parts.sources.positions,
            duplicates=duplicates_between(session, self._parts.raw_id or stream_id, one.lane, one.after),
            parked=parked.keys(),
            looked=looked,
            look_every=self._parts.look_every,
        )
        return fold_images(self._parts.stream, rows, context, coalesce=self._parts.writer.coalesces)

    def _record(self, session: Session, one: "_Taken", folded: Folded) -> LaneMove:
        """Parks begun and ended, and the counts of one lane."""
        stream_id, lane = self._parts.registered.stream_id, one.lane.lane
        released = parks.release(session, stream_id, self._parts.registered.name, lane, folded.ended_parks)
        new = [parks.Park(lane, key, row.sequence, parks.BEHIND_REJECT, 0, "") for key, row in folded.new_parks.items()]
        parks.park(session, stream_id, new)
        rejects.store_outcomes(session, stream_id, [(lane, row) for row in folded.parked], Outcome.PARKED)
        return LaneMove(
            lane,
            one.lane.applied,
            one.after,
            applied=folded.applied,
            superseded=folded.superseded + released,
            filtered=folded.filtered,
            parked=len(folded.parked) - released,
            rejected=len(folded.rejections),
            parked_keys=len(new) - len(folded.ended_parks),
            time=one.rows[-1].time if one.rows else None,
        )

    def _settle(
        self, session: Session, taken: Sequence["_Taken"], sequence: int, cause: BadBatch, done: Applied
    ) -> None:
        """Reject the one row that the server refuses, or park it when another entity holds its unique value."""
        if len(taken) != 1 or [row.sequence for row in taken[0].rows] != [sequence]:
            done.rows.clear()
            return
        one, row = taken[0], taken[0].rows[0]
        stream_id, lane, key = self._parts.registered.stream_id, one.lane.lane, row.entity_key
        move = LaneMove(lane, one.lane.applied, one.after, time=row.time)
        already = parks.parks_of(session, stream_id, lane, [key]) if key is not None and one.lane.parked else {}
        if cause.unique_key and key is not None and not self._parts.stream.partial:
            # The newest image of a parked key takes the place of the one that waited.
            released = parks.release(session, stream_id, self._parts.registered.name, lane, already)
            parks.park(
                session, stream_id, [parks.Park(lane, key, row.sequence, parks.PENDING_UNIQUE, 0, cause.unique_key)]
            )
            rejects.store_outcomes(session, stream_id, [(lane, row)], Outcome.PARKED)
            move.superseded, move.parked, move.parked_keys = released, 1 - released, 1 - len(already)
        else:
            if self._parts.stream.partial and key is not None and not already:
                parks.park(session, stream_id, [parks.Park(lane, key, row.sequence, parks.BEHIND_REJECT, 0, "")])
                move.parked_keys = 1
            rejects.store_rejects(
                session,
                stream_id,
                self._parts.registered.name,
                [LaneRejection(lane, row, cause.reason)],
                version=self._parts.version,
            )
            move.rejected = 1
        self._parts.reached(Step.WORKER_OUTCOMES_WRITTEN)
        done.count(move, [cause.reason.stage] * move.rejected)
        lanes.move(session, stream_id, [move])
        breaker.check(session, self._parts.registered, [sequence], {sequence: cause.reason} if move.rejected else {})


@dataclass(frozen=True, slots=True)
class _Taken:
    """Rows of one locked lane, and where its watermark goes with them."""

    lane: LockedLane
    rows: list[RawRow]
    after: int


def write_effects(session: Session, parts: StreamParts, folds: Sequence[tuple[int, Folded]], *, strict: bool) -> None:
    """Make processed tables and merged documents hold what the rows of each lane came to; BadBatch if they cannot."""
    with rows_to_blame():
        parts.writer.write(session, [effect for _, folded in folds for effect in folded.effects], strict=strict)
        for lane, folded in folds:
            merged.store_documents(session, parts.registered.stream_id, lane, folded.documents, strict=strict)


@contextmanager
def rows_to_blame() -> Iterator[None]:
    """Around the statements that carry values of rows, and no others: BadBatch where the server refuses one.

    What it refuses of the program's own bookkeeping is no row's fault, whatever the errno says.
    """
    try:
        yield
    except Repaired as repaired:
        raise BadBatch(Reason("load", "MYSQL_WARNING", detail=str(repaired))) from repaired
    except Exception as error:
        meaning = sql_error(error)
        if meaning is None or (bad := _blamed(meaning)) is None:
            raise
        raise bad from meaning


def not_as_sent(repaired: Repaired) -> Halted:
    """For what `rows_to_blame` is not around."""
    return Halted(f"control rows were not stored as sent, which no record can cause: {repaired}")


def _blamed(error: SqlError) -> BadBatch | None:
    """The batch's own fault, or None when the infrastructure's."""
    if error.answer is Answer.BAD_DATA:
        return BadBatch(Reason("store", code_of(error.errno), detail=f"MySQL error {error.errno}"))
    if error.answer is Answer.DUPLICATE and error.key_name != "PRIMARY":
        return BadBatch(Reason("store", "UNIQUE_CONFLICT", field_path=error.key_name), unique_key=error.key_name)
    return None
