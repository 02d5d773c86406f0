"""Two workers with their sweepers on one lane: lock, watermark, doorbells that get lost, doubled or stuck, and kills.

A lane is one row of `lane_head`, written by the master, and one of `lane_progress`, which whoever applies holds locked.
Lanes share nothing but the doorbell loop, so one lane shows what can happen to each.
"""

from collections.abc import Iterator
from typing import NamedTuple

from docs.model.checker import Step

GUARDS = {
    "watermark check": "rows are read behind the watermark of the locked row, and moved only from there, not from "
    "where an unlocked look saw it: db.lanes.lock, db.lanes.move",
    "one transaction": "effects and watermark are committed together: db.apply.LaneApplier.apply_batch",
    "sweeper": "a lane that nobody serves is found without any doorbell: migration_worker.sweeper.Sweeper.sweep",
    "second look": "after its doorbell is deleted the lane is looked at again: "
    "migration_worker.serve.DoorbellLoop.serve",
}

ORPHAN = -2
FREE = -1


class Worker(NamedTuple):
    """One turn of the doorbell loop, or one of the sweeper: both are threads of one process, and die together."""

    at: str = "idle"
    """idle, rung (has a doorbell or looks again), wants (has seen work), locked, written (only without `one
    transaction`), answers (is to delete the doorbell), gives back, looks (the second time)."""
    bell: bool = False
    """Whether it holds the doorbell."""
    seen: int = 0
    """The watermark that its unlocked look saw."""
    new: int = 0
    """Where the watermark goes with the transaction that it has open."""


class Sweep(NamedTuple):
    """The sweeper's thread."""

    at: str = "idle"
    """idle, seen (looked once), wants, locked, written."""
    seen: int = 0
    new: int = 0


class State(NamedTuple):
    """The world of this model."""

    head: int = 0
    applied: int = 0
    effects: tuple[int, ...] = ()
    """The rows that were written to the processed tables, in that order."""
    holder: int = FREE
    """Who holds the lane's lock: 0 and 1 the workers, 2 and 3 their sweepers, ORPHAN a session whose host is gone."""
    owed: bool = False
    """Whether the master is still to ring."""
    waiting: int = 0
    """Doorbells in the queue that can be received."""
    flying: int = FREE
    """Who holds the doorbell in flight, or ORPHAN: it blocks its group until it is deleted or time is over."""
    workers: tuple[Worker, ...] = (Worker(), Worker())
    sweeps: tuple[Sweep, ...] = (Sweep(), Sweep())
    faults: int = 0


class Lanes:
    """The model; `without` names the guard that is left out.

    With `lost` any doorbell may be lost and the faults happen; without, nothing fails and nobody sweeps: then the
    doorbells alone must do.
    """

    def __init__(self, *, without: str = "", lost: bool = True, rows: int = 3, faults: int = 2) -> None:
        self._without = without
        self._lost = lost
        self._sweeps = lost and without != "sweeper"
        self._rows = rows
        self._begin = State(faults=faults if lost else 0)
        world = f"any doorbell lost, faults: {faults}" if lost else "faults: none, and nobody sweeps"
        self.bounds = f"1 lane of {rows} rows, batches of 1 row or all, 2 workers; {world}"

    def start(self) -> State:
        """Nothing is stored yet."""
        return self._begin

    def broken(self, state: State) -> str | None:
        """Every row up to the watermark once and in order, and none behind it that could be written again."""
        effects = list(state.effects)
        if len(set(effects)) < len(effects):
            return f"a row is applied twice: the effects are those of rows {effects}"
        if effects != sorted(effects):
            return f"rows are applied out of order: {effects}"
        missing = set(range(1, state.applied + 1)) - set(effects)
        return f"rows {sorted(missing)} are lost: the watermark is {state.applied}" if missing else None

    def done(self, state: State) -> bool:
        """Everything is stored and applied."""
        return state.applied == self._rows

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        yield from self._of_master(state)
        yield from _of_queue(state, lost=self._lost)
        for one in (0, 1):
            yield from self._of_worker(state, one)
            if self._sweeps:
                yield from self._of_sweeper(state, one)
            if state.faults and (state.workers[one] != Worker() or state.sweeps[one] != Sweep()):
                yield _killed(state, one)
        if state.holder == ORPHAN:
            after = state._replace(holder=FREE)
            yield Step("the server ends the session of the dead process and rolls it back", after, "server")

    def _of_master(self, state: State) -> Iterator[Step[State]]:
        """db.ingest.IngestStore.commit, and migration_master.ringer.Ringer after it."""
        if state.head < self._rows:
            after = state._replace(head=state.head + 1, owed=True)
            yield Step(f"the master commits row {after.head}", after, "master")
        if state.owed and state.applied >= state.head:
            yield Step("the master finds the lane served", state._replace(owed=False), "ringer")
        if state.owed:
            yield Step("the master rings", state._replace(owed=False, waiting=min(2, state.waiting + 1)), "ringer")
            if self._lost:
                yield Step("the doorbell is lost, or the master dies before it rings", state._replace(owed=False))

    def _of_worker(self, state: State, one: int) -> Iterator[Step[State]]:
        worker, name = state.workers[one], f"worker {one + 1}"
        if worker.at == "idle" and state.waiting and state.flying == FREE:
            after = state._replace(waiting=state.waiting - 1, flying=one)
            yield Step(f"{name} receives a doorbell", _worker(after, one, Worker("rung", bell=True)), name)
        elif worker.at == "rung":
            yield self._look(state, one)
        elif worker.at == "wants":
            yield from self._lock(state, one)
        elif worker.at == "locked":
            yield from self._commit(state, one)
        elif worker.at == "written":
            moved = state._replace(applied=worker.new, holder=FREE)
            after = _worker(moved, one, worker._replace(at="rung"))
            yield Step(f"{name} moves the watermark in a transaction of its own", after, name)
        elif worker.at == "answers":
            yield self._delete(state, one)
        elif worker.at == "gives back":
            mine = state.flying == one
            after = state._replace(waiting=state.waiting + mine, flying=FREE if mine else state.flying)
            yield Step(f"{name} gives the doorbell back", _worker(after, one, Worker()), name)
        elif worker.at == "looks":
            at = "rung" if state.head > state.applied else "idle"
            yield Step(f"{name} looks at the lane again", _worker(state, one, Worker(at)), name)

    def _look(self, state: State, one: int) -> Step[State]:
        """migration_worker.lane_work.LaneWork.ready, without a lock."""
        worker, name = state.workers[one], f"worker {one + 1}"
        if state.head > state.applied:
            after = _worker(state, one, worker._replace(at="wants", seen=state.applied, new=0))
            return Step(f"{name} sees rows behind watermark {state.applied}", after, name)
        return Step(f"{name} sees no work", _worker(state, one, Worker("answers", worker.bell)), name)

    def _lock(self, state: State, one: int) -> Iterator[Step[State]]:
        """db.lanes.lock: NOWAIT, so that a held lane costs no time."""
        worker, name = state.workers[one], f"worker {one + 1}"
        if state.holder != FREE:
            after = _worker(state, one, Worker("gives back" if worker.bell else "idle", worker.bell))
            yield Step(f"{name} finds the lane locked", after, name)
            return
        base = worker.seen if self._without == "watermark check" else state.applied
        for new in sorted({min(base + 1, state.head), state.head}):
            after = _worker(state._replace(holder=one), one, worker._replace(at="locked", seen=base, new=new))
            yield Step(f"{name} locks the lane and reads rows {base + 1} to {new}", after, name)

    def _commit(self, state: State, one: int) -> Iterator[Step[State]]:
        """The end of db.apply.LaneApplier.apply_batch; then more of the lane, or its time is over."""
        worker, name = state.workers[one], f"worker {one + 1}"
        effects = state.effects + tuple(range(worker.seen + 1, worker.new + 1))
        if self._without == "one transaction":
            after = _worker(state._replace(effects=effects), one, worker._replace(at="written"))
            yield Step(f"{name} commits the effects alone", after, name)
            return
        done = state._replace(effects=effects, applied=worker.new, holder=FREE)
        story = f"{name} commits rows {worker.seen + 1} to {worker.new}"
        yield Step(story, _worker(done, one, Worker("rung", worker.bell)), name)
        yield Step(
            f"{story}, and its time for the lane is over", _worker(done, one, Worker("answers", worker.bell)), name
        )
        if state.faults:
            unsure = done._replace(faults=state.faults - 1)
            at = "gives back" if worker.bell else "idle"
            yield Step(f"{story}, and the answer is lost", _worker(unsure, one, Worker(at, worker.bell)))

    def _delete(self, state: State, one: int) -> Step[State]:
        """work_queue.queue.WorkQueue.delete; an expired receipt deletes nothing."""
        name, mine = f"worker {one + 1}", state.flying == one
        after = state._replace(flying=FREE) if mine else state
        looks = Worker() if self._without == "second look" else Worker("looks")
        what = "deletes its doorbell" if mine else "has no doorbell to delete"
        return Step(f"{name} {what}", _worker(after, one, looks), name)

    def _of_sweeper(self, state: State, one: int) -> Iterator[Step[State]]:
        """migration_worker.sweeper.Sweeper.sweep, with a lane that a worker holds left alone."""
        sweep, name, me = state.sweeps[one], f"sweeper {one + 1}", one + 2
        behind = state.head > state.applied
        if sweep.at == "idle" and behind:
            yield Step(f"{name} looks", _sweep(state, one, Sweep("seen", state.applied)), name)
        elif sweep.at == "seen":
            stuck = behind and sweep.seen == state.applied
            story = f"{name} looks again: {'nobody serves the lane' if stuck else 'the lane has moved'}"
            yield Step(story, _sweep(state, one, Sweep("wants", sweep.seen) if stuck else Sweep()), name)
        elif sweep.at == "wants" and state.holder != FREE:
            yield Step(f"{name} finds the lane locked", _sweep(state, one, Sweep()), name)
        elif sweep.at == "wants":
            base = sweep.seen if self._without == "watermark check" else state.applied
            after = _sweep(state._replace(holder=me), one, Sweep("locked", base, state.head))
            yield Step(f"{name} locks the lane and reads rows {base + 1} to {state.head}", after, name)
        elif sweep.at == "locked":
            effects = state.effects + tuple(range(sweep.seen + 1, sweep.new + 1))
            if self._without == "one transaction":
                written = _sweep(state._replace(effects=effects), one, sweep._replace(at="written"))
                yield Step(f"{name} commits the effects alone", written, name)
                return
            done = state._replace(effects=effects, applied=sweep.new, holder=FREE)
            yield Step(f"{name} commits rows {sweep.seen + 1} to {sweep.new}", _sweep(done, one, Sweep()), name)
        elif sweep.at == "written":
            moved = _sweep(state._replace(applied=sweep.new, holder=FREE), one, Sweep())
            yield Step(f"{name} moves the watermark in a transaction of its own", moved, name)


def _of_queue(state: State, *, lost: bool) -> Iterator[Step[State]]:
    """What SQS may do: work_queue.queue.WorkQueue has no say in it."""
    if state.flying == ORPHAN:
        after = state._replace(flying=FREE, waiting=state.waiting + 1)
        yield Step("the visibility time-out of the dead process's doorbell is over", after, "queue")
    elif state.flying != FREE and lost and state.faults:
        after = state._replace(flying=FREE, waiting=state.waiting + 1, faults=state.faults - 1)
        yield Step("the visibility time-out ends too early, and the doorbell is there again", after)
    if state.waiting and lost:
        yield Step("the queue loses a doorbell", state._replace(waiting=state.waiting - 1))


def _killed(state: State, one: int) -> Step[State]:
    holder = ORPHAN if state.holder in (one, one + 2) else state.holder
    flying = ORPHAN if state.flying == one else state.flying
    after = state._replace(holder=holder, flying=flying, faults=state.faults - 1)
    return Step(f"worker {one + 1} is killed and starts again", _sweep(_worker(after, one, Worker()), one, Sweep()))


def _worker(state: State, one: int, worker: Worker) -> State:
    first, second = state.workers
    return state._replace(workers=(worker, second) if one == 0 else (first, worker))


def _sweep(state: State, one: int, sweep: Sweep) -> State:
    first, second = state.sweeps
    return state._replace(sweeps=(sweep, second) if one == 0 else (first, sweep))
