"""The cut-over as MySQL remembers it: one at a time, moved only from where it was read, every step with its times."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from pymysql import MySQLError

from db.engine import Database, Session
from db.errno import Answer
from db.failure import SqlError
from migration_core.cutover import ENDS, CutoverPlan, CutoverStep, Ending
from migration_core.errors import ConfigError, Fenced, Transient
from migration_core.gate import Gate, GateVerdict

_LOCK_SECONDS = 2
"""A process that was killed a moment ago may still hold the lock until the server sees it gone."""
_BEAT_SECONDS = 4.0
"""Less than half of what a silent session is given."""

End = tuple[str, int, int]
"""(topic, partition, high watermark)."""


@dataclass(frozen=True, slots=True)
class Cutover:
    """One cut-over as it stands now."""

    cutover_id: int
    rehearsal: bool
    step: CutoverStep
    number: int
    epoch: int
    reason: str
    plan: CutoverPlan
    ends: tuple[End, ...] | None
    version: str
    approved_by: str | None
    approved_at: datetime | None
    abort_by: str | None
    abort_reason: str
    carried_back: bool
    started_at: datetime
    finished_at: datetime | None
    seconds_in_step: float
    """By the server's clock, so that a restart does not begin it anew."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step that was begun; `seconds` run on while it is at work."""

    number: int
    step: CutoverStep
    ending: Ending | None
    began_at: datetime
    ended_at: datetime | None
    seconds: float
    detail: str
    gates: tuple[Gate, ...]


class CutoverStore:
    """Reads and moves cut-overs; every change of the running one is fenced by its epoch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def sole_runner(self) -> Iterator["RunnerLock"]:
        """Hold the right to take steps; Transient while another process holds it. It ends with the process."""
        name = f"migration_cutover:{self._database.schema}"[:64]
        with self._database.transaction() as session:
            if session.one("SELECT GET_LOCK(%s, %s)", (name, _LOCK_SECONDS)) != (1,):
                raise Transient("another process is at work on this cut-over: see `migration cutover status`")
            lock = RunnerLock(session, name)
            try:
                with lock.kept():
                    yield lock
            finally:
                lock.release()

    def begin(self, plan: CutoverPlan, *, rehearsal: bool, version: str) -> int:
        """Begin a new cut-over; refused while one runs."""
        first = CutoverStep.PREFLIGHT
        try:
            with self._database.transaction() as session:
                session.execute(
                    "INSERT INTO cutover (active, rehearsal, step, plan, version) VALUES (1, %s, %s, %s, %s)",
                    (rehearsal, first, json.dumps(asdict(plan)), version),
                )
                cutover_id = session.inserted_id()
                _begin_step(session, cutover_id, 1, first)
        except SqlError as error:
            if error.answer is Answer.DUPLICATE:
                raise ConfigError("a cut-over is under way: see `migration cutover status`") from error
            raise
        return cutover_id

    def take_over(self) -> Cutover | None:
        """The cut-over that runs, with an epoch of this process's own; None when none does."""
        with self._database.transaction() as session:
            session.execute("UPDATE cutover SET epoch = epoch + 1 WHERE active = 1")
        return self.active()

    def active(self) -> Cutover | None:
        """The cut-over that runs."""
        return next(iter(self._read("c.active = 1")), None)

    def latest(self) -> Cutover | None:
        """The one that runs, else the last one."""
        return next(iter(self._read("TRUE")), None)

    def steps(self, cutover_id: int) -> list[StepRecord]:
        """The steps of one cut-over in order."""
        with self._database.transaction() as session:
            rows = session.rows(
                "SELECT number, step, ending, began_at, ended_at, "
                "TIMESTAMPDIFF(MICROSECOND, began_at, COALESCE(ended_at, NOW(6))) / 1e6, detail, gates "
                "FROM cutover_step WHERE cutover_id = %s ORDER BY number",
                (cutover_id,),
            )
        return [_step_record(row) for row in rows]

    def measured_steps(self) -> dict[str, float]:
        """{step: seconds} of every step that ever passed, as it last did."""
        with self._database.transaction() as session:
            rows = session.rows(
                "SELECT step, TIMESTAMPDIFF(MICROSECOND, began_at, ended_at) / 1e6 FROM cutover_step "
                "WHERE ending = 'passed' ORDER BY cutover_id, number"
            )
        return {step: float(seconds) for step, seconds in rows}

    def last_gates(self, step: CutoverStep) -> tuple[datetime, Sequence[Gate]] | None:
        """What the gates of one step last said, in whichever cut-over that was; None when they were never asked."""
        with self._database.transaction() as session:
            found = session.one(
                "SELECT ended_at, gates FROM cutover_step WHERE step = %s AND ended_at IS NOT NULL "
                "AND gates IS NOT NULL ORDER BY cutover_id DESC, number DESC LIMIT 1",
                (step,),
            )
        return None if found is None else (found[0], _gates(found[1]))

    # What the runner does

    def move(
        self, at: Cutover, ending: Ending, to: CutoverStep, *, detail: str = "", reason: str, gates: Sequence[Gate] = ()
    ) -> None:
        """End the present step and begin the next in one transaction, only from where `at` was read."""
        end = to in ENDS
        with self._database.transaction() as session:
            moved = session.execute(
                "UPDATE cutover SET step = %s, number = number + 1, reason = %s, active = IF(%s, NULL, 1), "
                "finished_at = IF(%s, NOW(6), NULL) WHERE cutover_id = %s AND epoch = %s AND number = %s "
                # A wish to turn back that came in time is never overtaken by the closing of the way.
                f"AND (abort_by IS NULL OR {to is not CutoverStep.CLOSE})",
                (to, reason[:1000], end, end, at.cutover_id, at.epoch, at.number),
            )
            _one_row(moved)
            session.execute(
                "UPDATE cutover_step SET ending = %s, ended_at = NOW(6), detail = %s, gates = COALESCE(%s, gates) "
                "WHERE cutover_id = %s AND number = %s",
                (ending, detail[:1000], _json_of(gates), at.cutover_id, at.number),
            )
            if not end:
                _begin_step(session, at.cutover_id, at.number + 1, to)

    def note(self, at: Cutover, gates: Sequence[Gate], detail: str) -> None:
        """What the present step waits for, for `status` to tell."""
        with self._database.transaction() as session:
            session.execute(
                "UPDATE cutover_step s JOIN cutover c USING (cutover_id) "
                "SET s.gates = COALESCE(%s, s.gates), s.detail = %s "
                "WHERE c.cutover_id = %s AND c.epoch = %s AND s.number = %s AND c.number = s.number",
                (_json_of(gates), detail[:1000], at.cutover_id, at.epoch, at.number),
            )

    def record_ends(self, at: Cutover, ends: Sequence[End]) -> None:
        """Where the topics ended after the freeze, until they stand still."""
        with self._database.transaction() as session:
            moved = session.execute(
                "UPDATE cutover SET ends = %s WHERE cutover_id = %s AND epoch = %s",
                (json.dumps([list(end) for end in ends]), at.cutover_id, at.epoch),
            )
            _one_row(moved)

    # What people do

    def approve(self, by: str) -> None:
        """Record a person's yes; only where it is asked for."""
        with self._database.transaction() as session:
            moved = session.execute(
                "UPDATE cutover SET approved_by = %s, approved_at = NOW(6) "
                "WHERE active = 1 AND step = %s AND approved_by IS NULL AND abort_by IS NULL",
                (by, CutoverStep.APPROVAL),
            )
        if not moved:
            raise ConfigError("no cut-over waits for an approval now: see `migration cutover status`")

    def ask_abort(self, by: str, reason: str) -> None:
        """Have the cut-over that runs turn back; a second wish changes nothing."""
        with self._database.transaction() as session:
            moved = session.execute(
                "UPDATE cutover SET abort_reason = IF(abort_by IS NULL, %s, abort_reason), "
                "abort_by = COALESCE(abort_by, %s) WHERE active = 1 AND step <> %s",
                (reason[:1000], by, CutoverStep.CLOSE),
            )
            known = session.one("SELECT 1 FROM cutover WHERE active = 1")
        if not moved and known is None:
            raise ConfigError("no cut-over is under way: there is nothing to abort")
        if not moved:
            raise ConfigError("the watch is over and the way back is closed: `migration cutover run` ends the cut-over")

    def confirm_carried_back(self) -> None:
        """A person has applied the change files to the old platform."""
        with self._database.transaction() as session:
            session.execute("UPDATE cutover SET carried_back = TRUE WHERE active = 1")

    def _read(self, where: str) -> list[Cutover]:
        with self._database.transaction() as session:
            rows = session.rows(
                "SELECT c.cutover_id, c.rehearsal, c.step, c.number, c.epoch, c.reason, c.plan, c.ends, c.version, "
                "c.approved_by, c.approved_at, c.abort_by, c.abort_reason, c.carried_back, c.started_at, "
                "c.finished_at, TIMESTAMPDIFF(MICROSECOND, s.began_at, NOW(6)) / 1e6 FROM cutover c "
                f"LEFT JOIN cutover_step s USING (cutover_id, number) WHERE {where} ORDER BY c.cutover_id DESC"
            )
        return [_cutover(row) for row in rows]


class RunnerLock:
    """The right to take steps, tied to one session that is kept alive while a gate or a hook takes its time."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self._one_at_a_time = Lock()

    def beat(self) -> None:
        """Transient when the lock was lost with its session."""
        with self._one_at_a_time:
            mine = self._session.one("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (self._name,))
        if mine != (1,):
            raise Transient("the lock on this cut-over was lost: run it again")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Beat from a thread: the server ends a session that is silent, and with it the lock."""
        over = Event()
        keeper = Thread(target=self._keep, args=(over,), name="cutover-lock", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def release(self) -> None:
        """Give it up; a session that was lost has done so already."""
        with suppress(MySQLError, OSError):
            self._session.one("SELECT RELEASE_LOCK(%s)", (self._name,))

    def _keep(self, over: Event) -> None:
        while not over.wait(_BEAT_SECONDS):
            try:
                self.beat()
            except (MySQLError, OSError, Transient):
                return  # the runner's own next beat says so


def _begin_step(session: Session, cutover_id: int, number: int, step: CutoverStep) -> None:
    session.execute(
        "INSERT INTO cutover_step (cutover_id, number, step) VALUES (%s, %s, %s)", (cutover_id, number, step)
    )


def _one_row(moved: int) -> None:
    if moved != 1:
        raise Fenced("another process has taken over this cut-over")


def _json_of(gates: Sequence[Gate]) -> str | None:
    return json.dumps([asdict(gate) for gate in gates]) if gates else None


def _cutover(row: tuple[Any, ...]) -> Cutover:
    identity, rehearsal, step, number, epoch, reason, plan, ends, *told, seconds = row
    kept = None if ends is None else tuple((topic, partition, high) for topic, partition, high in json.loads(ends))
    version, approved_by, approved_at, abort_by, abort_reason, carried, started_at, finished_at = told
    return Cutover(
        identity, bool(rehearsal), CutoverStep(step), number, epoch, reason, CutoverPlan(**json.loads(plan)), kept,
        version, approved_by, approved_at, abort_by, abort_reason, bool(carried), started_at, finished_at,
        float(seconds or 0),
    )  # fmt: skip


def _step_record(row: tuple[Any, ...]) -> StepRecord:
    number, step, ending, began_at, ended_at, seconds, detail, gates = row
    done = Ending(ending) if ending else None
    return StepRecord(
        number, CutoverStep(step), done, began_at, ended_at, float(seconds), detail, _gates(gates or "[]")
    )


def _gates(text: str) -> tuple[Gate, ...]:
    return tuple(
        Gate(one["name"], GateVerdict(one["verdict"]), one["found"], one["remedy"]) for one in json.loads(text)
    )
