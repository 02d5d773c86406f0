"""One run of a statistic, from where an interrupted one stands to its end; killed anywhere, the same call goes on."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from db import shadow_tables, statistic_runs
from db.engine import Database, Session
from db.errno import LOCK_WAIT_TIMEOUT, Answer
from db.failure import SqlError, sql_error
from db.named_lock import alone
from db.statistic_runs import StatisticRun
from migration_core.errors import ConfigError, Halted, Transient
from migration_core.key import parts_of
from migration_core.statistics.standing import Facts, why_everything
from migration_core.steps import Reached, Step, nothing
from migration_statistics.opening import Opened

ROWS_OF_A_RANGE, ROWS_OF_A_STRETCH = 10_000, 1000
"""Of one transaction: entities that are counted, and raw rows whose entities are counted again."""
_SWAP_TRIES, _SWAP_SECONDS = 12, 5
_BRAKE_SECONDS = 1.0
_REMEDIES = {
    Answer.DUPLICATE: "two rows of the SELECT, or of two slices, have the same primary key: mend the SELECT",
    Answer.BAD_DATA: (
        "a value does not fit its column: widen it, or mend the SELECT; where the table was changed by hand, --full"
    ),
    Answer.HALT: "the schema or the rights have changed: see `migration check` and `migration schema grants`",
}
Wait = Callable[[float], bool]
"""Waits so many seconds, or shorter and True where the process was asked to leave."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    version: str
    full: bool = False
    since: int | None = None
    """A run: follow what has changed since that one, instead of since the last."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a run behaves towards the server, and towards who waits for it."""

    held_back: Callable[[], str]
    """Why to wait now, or ""."""
    wait: Wait
    told: Callable[[StatisticRun, str], None] = lambda _run, _what: None
    reached: Reached = nothing
    range_rows: int = ROWS_OF_A_RANGE
    stretch_rows: int = ROWS_OF_A_STRETCH


def run(database: Database, opened: Opened, order: Order, manners: Manners) -> StatisticRun:
    """Count as `order` says; Transient while another process runs the same statistic."""
    with alone(database, f"statistics run {opened.statistic.name}") as lock:
        return _Running(database, lock, opened, manners).run(order)


class _Running:
    """DDL goes by the session that holds the lock: a process that has lost it can rename nothing."""

    def __init__(self, database: Database, lock: Session, opened: Opened, manners: Manners) -> None:
        self._database = database
        self._lock = lock
        self._opened = opened
        self._statistic = opened.statistic
        self._counting = opened.counting
        self._manners = manners
        self._reached = manners.reached

    def run(self, order: Order) -> StatisticRun:
        at = self._interrupted(order)
        if at is None:
            at = self._begun(order)
            self._reached(Step.STATISTIC_BEGUN)
            self._manners.told(at, "begun")
        else:
            self._manners.told(at, "resumed")
        at = self._in_full(at) if at.full else self._followed(at)
        self._reached(Step.STATISTIC_DONE)
        return at

    # Its begin

    def _interrupted(self, order: Order) -> StatisticRun | None:
        """The run to go on with: it must count the same, as much of it, in tables that are still there."""
        with self._database.transaction() as session:
            found = statistic_runs.unfinished(session, self._statistic.name)
        if found is None or found.definition != self._statistic.definition:
            return None
        if (order.full and not found.full) or (order.since is not None and found.since != order.since):
            return None
        if found.full and found.step == statistic_runs.COUNTING and found.chunks:
            tables = self._statistic.own_tables
            if len(shadow_tables.shadows(self._lock, self._opened.schema, tables)) != len(tables):
                return None
        return found

    def _begun(self, order: Order) -> StatisticRun:
        with self._database.transaction() as session:
            last = statistic_runs.last_done(session, self._statistic.name, run_id=order.since)
            if order.since is not None and last is None:
                raise ConfigError(
                    f"run {order.since} of statistic {self._statistic.name} did not come to its end: see "
                    f"`migration statistics show {self._statistic.name}`"
                )
            why, facts = self._why_full(session, order, last)
            begun = StatisticRun(
                run_id=0,
                step=statistic_runs.COUNTING,
                statistic=self._statistic.name,
                full=bool(why),
                why=why,
                since=None if why or last is None else last.run_id,
                definition=self._statistic.definition,
                marks=facts.marks,
                position={"slices": self._counting.slices(session)} if self._statistic.following is None else {},
                moves=0,
                chunks=0,
                rows=0,
                version=order.version,
            )
            return statistic_runs.begin(session, begun, mapping_hash=self._opened.mapping_hash)

    def _why_full(self, session: Session, order: Order, last: StatisticRun | None) -> tuple[str, Facts]:
        following = self._statistic.following
        if following is None:
            if order.since is not None:
                raise ConfigError(f"statistic {self._statistic.name} is of mode: full, so --since means nothing for it")
            return "mode: full", Facts({}, {}, switched=False)
        # Read before anything is counted: what changes from here on is behind these marks, and followed next time.
        facts = statistic_runs.facts(session, following.stream, since=last.started_at if last else None)
        if order.full:
            return "asked for", facts
        return why_everything(last.stand if last else None, self._statistic.definition, facts), facts

    # In full: into shadows, which then take the tables' place

    def _in_full(self, at: StatisticRun) -> StatisticRun:
        tables, schema = self._statistic.own_tables, self._opened.schema
        if at.step == statistic_runs.COUNTING:
            if at.chunks == 0:
                shadow_tables.make_anew(self._lock, schema, tables)
                self._reached(Step.STATISTIC_TABLES_MADE)
            at = self._ranges(at) if self._statistic.following else self._slices(at)
            shadow_tables.count_rows(self._lock, schema, tables)
            with self._database.transaction() as session:
                at = statistic_runs.move(session, at, step=statistic_runs.SWAPPING)
            self._reached(Step.STATISTIC_BUILT)
        self._swap(tables)
        self._reached(Step.STATISTIC_SWAPPED)
        shadow_tables.drop_before_by(self._lock, schema, tables)
        return self._ended(at)

    def _slices(self, at: StatisticRun) -> StatisticRun:
        for values in at.position["slices"][at.chunks :]:
            at = self._piece(at, at.position, partial(self._counting.fill_slice, values=values))
        return at

    def _ranges(self, at: StatisticRun) -> StatisticRun:
        while not at.position.get("end"):
            after = at.position.get("after")
            with self._database.transaction() as session:
                up_to = self._counting.last_of_range(session, after, self._manners.range_rows)
            position = {"end": True} if up_to is None else {"after": list(up_to)}
            at = self._piece(at, position, partial(self._counting.fill_range, after=after, up_to=up_to))
        return at

    def _swap(self, tables: tuple[str, ...]) -> None:
        """Whoever reads the table for long makes the rename wait, and the rename all others: so it waits briefly."""
        self._lock.execute("SET SESSION lock_wait_timeout = %s", (_SWAP_SECONDS,))
        with ExitStack() as afterwards:
            afterwards.callback(self._lock.execute, "SET SESSION lock_wait_timeout = DEFAULT")
            for _ in range(_SWAP_TRIES):
                if self._swapped(tables):
                    return
                self._pause(_SWAP_SECONDS)
        raise Transient(f"somebody reads {tables[0]} all the time, so it cannot be renamed: run the same command again")

    def _swapped(self, tables: tuple[str, ...]) -> bool:
        try:
            shadow_tables.swap_by(self._lock, self._opened.schema, tables)
        except Exception as error:
            if (meaning := sql_error(error)) is not None and meaning.errno == LOCK_WAIT_TIMEOUT:
                return False
            raise
        return True

    # What has changed

    def _followed(self, at: StatisticRun) -> StatisticRun:
        following = self._statistic.following
        assert following is not None  # noqa: S101 - only such a run is not in full
        with self._database.transaction() as session:
            since = statistic_runs.last_done(session, self._statistic.name, run_id=at.since)
        if since is None:
            raise Transient(f"run {at.since} of statistic {self._statistic.name} was purged: run this with --full")
        for lane, (up_to, _) in sorted(at.marks.items()):
            if lane < at.position.get("lane", 0):
                continue
            after = since.marks[lane][0]
            if lane == at.position.get("lane"):
                after = at.position["sequence"]
            at = self._stretches(at, following.stream, lane, after, up_to)
        return self._ended(at)

    def _stretches(self, at: StatisticRun, stream: str, lane: int, after: int, up_to: int) -> StatisticRun:
        while True:
            with self._database.transaction() as session:
                keys, reached = statistic_runs.touched(
                    session, stream, lane, after, up_to, rows=self._manners.stretch_rows
                )
            if reached is None:
                return at
            after = reached
            position = {"lane": lane, "sequence": reached}
            at = self._piece(at, position, partial(self._follow, keys=keys))

    def _follow(self, session: Session, keys: list[bytes]) -> int:
        if keys:
            self._counting.follow(session, [parts_of(key) for key in keys])
        return len(keys)

    # Both

    def _piece(self, at: StatisticRun, position: Mapping[str, Any], work: Callable[[Session], int]) -> StatisticRun:
        """One bounded transaction: the rows, and how far the run is."""
        self._pause(0)
        while reason := self._manners.held_back():
            self._manners.told(at, f"waiting: {reason}")
            self._pause(_BRAKE_SECONDS)
        try:
            with self._database.transaction() as session:
                # The fence comes first: who is late waits here, and then finds that the run has moved.
                moved = statistic_runs.move(session, at, position=position, chunks=at.chunks + 1)
                rows = work(session)
                self._reached(Step.STATISTIC_COUNTED)
                moved = statistic_runs.move(session, moved, rows=at.rows + rows)
        except SqlError as error:
            if remedy := _REMEDIES.get(error.answer):
                raise Halted(f"statistic {at.statistic}, piece {at.chunks + 1}: {error}; {remedy}") from error
            raise
        self._reached(Step.STATISTIC_COMMITTED)
        self._manners.told(moved, "counted")
        return moved

    def _ended(self, at: StatisticRun) -> StatisticRun:
        with self._database.transaction() as session:
            return statistic_runs.move(session, at, step=statistic_runs.DONE, position={})

    def _pause(self, seconds: float) -> None:
        if self._manners.wait(seconds):
            raise Transient(f"asked to leave: run `migration statistics run {self._statistic.name}` again, it goes on")
