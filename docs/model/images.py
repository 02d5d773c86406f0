"""Full images of one key: rejects, a unique value that another entity holds, parks, retries, and a redrive beside them.

A row's image may break the rules until the mapping is mended, and the server may refuse it until the value is free.
Every transaction here holds the lane's lock, so it is one step; what is read without the lock is a step of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from docs.model.checker import Step

GUARDS = {
    "caught up under the lock": "what was applied since a redrive's look is read again: "
    "db.redrive_lane.LockedRedrive.catch_up",
    "settled counted": "a look is void when a row behind the watermark was settled since: db.lanes.mark_settled",
    "overtaken row": "a refused row that a newer image overtook is looked at again and not parked: "
    "db.redrive_images.images_again",
}

GOOD, BAD, TAKEN, BOTH = "good", "bad", "taken", "bad, then taken"
REJECTED, PARKED = "rejected", "parked"


class Redrive(NamedTuple):
    """The process that redrives."""

    at: str = "down"
    """down, looking (has read watermark and `settled`), looked, refused (the server refused `row`)."""
    up_to: int = 0
    settled: int = 0
    newest: int = 0
    """The newest row of the key that is done, as far as it has looked."""
    row: int = 0
    cursor: int = 0
    """The last reject that it has seen."""


class State(NamedTuple):
    """The world of this model."""

    rows: tuple[str, ...] = ()
    applied: int = 0
    out: tuple[tuple[int, str], ...] = ()
    """The rows that are rejected or parked."""
    park: int = 0
    """The row that waits for the unique value; 0 when the key is not parked."""
    settled: int = 0
    table: int = 0
    """Whose image the processed row is."""
    mended: bool = False
    free: bool = False
    """Whether the unique value is free."""
    redrives: tuple[Redrive, ...] = (Redrive(),)
    kills: int = 0
    gives_up: int = 0
    """How often a parked row may be rejected after its last try."""
    back: bool = False
    """Whether an older image has replaced a newer one. Only the model knows."""


class Images:
    """The model; `without` names the guard that is left out."""

    def __init__(
        self, *, without: str = "", rows: int = 3, kills: int = 1, gives_up: int = 1, redrives: int = 1
    ) -> None:
        self._without = without
        self._rows = rows
        self._begin = State(kills=kills, gives_up=gives_up, redrives=(Redrive(),) * redrives)
        self.bounds = (
            f"1 key with {rows} full images, each one good, bad, refused for a unique value, or both; 1 worker, "
            f"1 sweeper, {redrives} redriving; kills: {kills}, parked rows given up: {gives_up}"
        )

    def start(self) -> State:
        """Nothing is stored."""
        return self._begin

    def broken(self, state: State) -> str | None:
        """The newest image that is done stands in the table, and never did an older one replace a newer."""
        if state.back:
            return f"an older image replaces a newer one: the table holds row {state.table}"
        if self.done(state) and state.table != self._rows:
            return f"row {self._rows} is the newest and done, and the table holds row {state.table}"
        return None

    def done(self, state: State) -> bool:
        """Every row is applied or superseded."""
        return state.applied == self._rows and not state.out

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        if len(state.rows) < self._rows:
            for kind in (GOOD, BAD, TAKEN, BOTH):
                story = f"row {len(state.rows) + 1} is stored ({kind})"
                yield Step(story, state._replace(rows=(*state.rows, kind)), "master")
        if not state.mended:
            yield Step("the mapping is mended", state._replace(mended=True), "person")
        if not state.free:
            yield Step("the other entity gives the unique value up", state._replace(free=True), "other lane")
        if state.applied < len(state.rows):
            yield self._apply(state, state.applied + 1)
        if state.park:
            yield from self._retry(state)
        for one, redrive in enumerate(state.redrives):
            if state.mended:
                yield from self._of_redrive(state, one, redrive)
            if state.kills and redrive != Redrive():
                after = _redrive(state, one, Redrive())._replace(kills=state.kills - 1)
                yield Step(f"{_name(one)} is killed", after)

    def _bad(self, state: State, row: int) -> bool:
        return state.rows[row - 1] in (BAD, BOTH) and not state.mended

    def _refused(self, state: State, row: int) -> bool:
        return state.rows[row - 1] in (TAKEN, BOTH) and not state.free

    def _apply(self, state: State, row: int) -> Step[State]:
        """db.apply.LaneApplier.apply_batch of one row."""
        after = state._replace(applied=row)
        if self._bad(state, row):
            return Step(f"the worker rejects row {row}", _out(after, row, REJECTED), "worker")
        if self._refused(state, row):
            waits = _out(_unparked(after), row, PARKED)._replace(park=row)
            return Step(f"the worker parks row {row}, whose unique value is taken", waits, "worker")
        return Step(f"the worker applies row {row}", _written(_unparked(after), row), "worker")

    def _retry(self, state: State) -> Iterator[Step[State]]:
        """db.parked_retry.retry_parked, by the sweeper."""
        row = state.park
        counted = state._replace(settled=state.settled + 1)
        if not self._refused(state, row):
            yield Step(f"the sweeper applies parked row {row}", _written(_unparked(counted), row), "sweeper")
        elif state.gives_up:
            after = _out(_unparked(counted), row, REJECTED)._replace(gives_up=state.gives_up - 1)
            yield Step(f"the sweeper rejects parked row {row} after its last try", after)

    def _of_redrive(self, state: State, one: int, redrive: Redrive) -> Iterator[Step[State]]:
        """migration_worker.redriving.Redriving.run."""
        name = _name(one)
        if redrive.at == "down" and any(outcome == REJECTED for _, outcome in state.out):
            looking = Redrive("looking", state.applied, state.settled)
            yield Step(f"{name} begins to look (watermark {state.applied})", _redrive(state, one, looking), name)
        elif redrive.at == "looking":
            # db.later_rows.look: without the lock, and after the watermark was read
            newest = max([row for row in _done(state) if row <= redrive.up_to], default=0)
            looked = redrive._replace(at="looked", newest=newest)
            seen = f"row {newest} is the newest that is done" if newest else "no row is done"
            yield Step(f"{name} has looked: {seen}", _redrive(state, one, looked), name)
        elif redrive.at in ("looked", "refused"):
            yield self._step(state, one, redrive)

    def _step(self, state: State, one: int, redrive: Redrive) -> Step[State]:
        """db.redrive.LaneRedrive.step of one row."""
        name = _name(one)
        if state.settled != redrive.settled and self._without != "settled counted":
            again = _redrive(state, one, _again(state, redrive))
            return Step(f"{name} finds that rows were settled since, and looks again", again, name)
        newest, up_to = redrive.newest, redrive.up_to
        if self._without != "caught up under the lock":
            newest, up_to = max([newest, *(row for row in _done(state) if row > up_to)]), state.applied
        row = min([row for row, what in state.out if what == REJECTED and row > redrive.cursor], default=0)
        known = Redrive("looked", up_to, redrive.settled, newest, cursor=row)
        if redrive.at == "refused":
            return self._settle(state, one, redrive, known)
        if not row:
            return Step(f"{name} ends", _redrive(state, one, Redrive()), name)
        moved = _redrive(state, one, known._replace(settled=known.settled + 1))._replace(settled=state.settled + 1)
        if row < newest:
            return Step(f"{name} finds row {row} superseded by row {newest}", _free(moved, row), name)
        if self._refused(state, row):
            refused = known._replace(at="refused", row=row, cursor=redrive.cursor)
            return Step(
                f"the server refuses row {row} to {name}, which rolls back", _redrive(state, one, refused), name
            )
        ended = _unparked(moved) if state.park < row else moved
        return Step(f"{name} applies row {row}", _written(_free(ended, row), row), name)

    def _settle(self, state: State, one: int, redrive: Redrive, known: Redrive) -> Step[State]:
        """The second transaction about a row that the server refused: db.redrive_images.images_again."""
        name, row = _name(one), redrive.row
        if known.cursor != row or (known.newest > row and self._without != "overtaken row"):
            again = _redrive(state, one, _again(state, redrive))
            return Step(f"{name} finds row {row} overtaken, and looks again", again, name)
        moved = _redrive(state, one, known)
        if state.park:
            return Step(f"{name} leaves row {row} rejected beside the parked one", moved, name)
        after = _out(_free(moved, row), row, PARKED)._replace(park=row)
        return Step(f"{name} parks row {row}, whose unique value is taken", after, name)


def _name(one: int) -> str:
    return f"redrive {one + 1}"


def _redrive(state: State, one: int, redrive: Redrive) -> State:
    return state._replace(redrives=(*state.redrives[:one], redrive, *state.redrives[one + 1 :]))


def _again(state: State, redrive: Redrive) -> Redrive:
    return Redrive("looking", state.applied, state.settled, cursor=redrive.cursor)


def _done(state: State) -> list[int]:
    out = dict(state.out)
    return [row for row in range(1, state.applied + 1) if row not in out]


def _out(state: State, row: int, outcome: str) -> State:
    return state._replace(out=tuple(sorted((*state.out, (row, outcome)))))


def _free(state: State, row: int) -> State:
    return state._replace(out=tuple(one for one in state.out if one[0] != row))


def _unparked(state: State) -> State:
    """The row that waited is superseded, or about to become something else."""
    return _free(state, state.park)._replace(park=0) if state.park else state


def _written(state: State, row: int) -> State:
    return state._replace(table=row, back=state.back or row < state.table)
