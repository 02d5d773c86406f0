"""Partial changes of one key: a reject parks it, and a redrive or an acceptance frees it a few rows at a time.

Every transaction here holds the lane's lock, so it is one step.
"""

from collections.abc import Iterator
from typing import NamedTuple

from docs.model.checker import Step

GUARDS = {
    "park": "later changes of a key wait behind its reject: migration_core.folding.fold_partial",
    "release resumed": "a release that a kill cut short is found again: db.redrive.LaneRedrive.enter",
    "one transaction": "document, outcomes and park are committed together: db.redrive.LaneRedrive.step",
}

PATCH, BAD, WHOLE = "patch", "bad patch", "whole document"
REJECTED, PARKED, BEHIND = "rejected", "parked", "rejected behind an accepted one"


class State(NamedTuple):
    """The world of this model."""

    rows: tuple[str, ...] = ()
    applied: int = 0
    out: tuple[tuple[int, str], ...] = ()
    """The rows that are rejected or parked."""
    park: int = 0
    """The row that the key waits behind; 0 when it is not parked."""
    document: tuple[int, ...] = ()
    """The rows that the merged document was made of, from the last whole one on."""
    mended: bool = False
    redriving: str = ""
    """Nothing when no process redrives; between, in part (it knows that the next rows of the key are free), written."""
    folded: tuple[int, ...] = ()
    """Only without `one transaction`: rows whose outcomes are still to be written."""
    accepting: int = 0
    """The reject that a person is accepting: what waits behind it is rejected too, some rows a transaction."""
    accepted: tuple[int, ...] = ()
    """Rows that later ones may leave behind."""
    kills: int = 0
    accepts: int = 0


class Patches:
    """The model; `without` names the guard that is left out."""

    def __init__(self, *, without: str = "", rows: int = 4, kills: int = 2, accepts: int = 1) -> None:
        self._without = without
        self._rows = rows
        self._begin = State(kills=kills, accepts=accepts)
        self.bounds = (
            f"1 key with {rows} rows, each a patch, a bad patch or a whole document; 1 worker, 1 redrive of 1 or 2 "
            f"rows a transaction; kills: {kills}, accepted rejects: {accepts}"
        )

    def start(self) -> State:
        """Nothing is stored."""
        return self._begin

    def broken(self, state: State) -> str | None:
        """A document is made of every change in sequence, with none left out before a later one."""
        document = list(state.document)
        if document != sorted(set(document)):
            return f"changes are merged twice or out of order: the document is made of rows {document}"
        kept_out = [row for row, _ in state.out if document and row < document[-1] and row not in state.accepted]
        gaps = [row for row in kept_out if not (state.rows[document[0] - 1] == WHOLE and document[0] > row)]
        if gaps:
            return f"the document is made of rows {document}, over row {gaps[0]}, which is still to be applied"
        if self.done(state) and document != self._whole(state):
            return f"all is done, and the document is made of rows {document} instead of {self._whole(state)}"
        return None

    def done(self, state: State) -> bool:
        """Every row is applied or superseded, and nothing waits."""
        return state.applied == self._rows and not state.out and not state.park and state.redriving != "written"

    def _whole(self, state: State) -> list[int]:
        first = max([row for row, kind in enumerate(state.rows, start=1) if kind == WHOLE], default=1)
        return list(range(first, state.applied + 1))

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        if len(state.rows) < self._rows:
            for kind in (PATCH, BAD, WHOLE):
                story = f"row {len(state.rows) + 1} is stored ({kind})"
                yield Step(story, state._replace(rows=(*state.rows, kind)), "master")
        if not state.mended:
            yield Step("the mapping is mended", state._replace(mended=True), "person")
        if state.applied < len(state.rows):
            yield self._apply(state, state.applied + 1)
        if state.mended:
            yield from self._redrive(state)
        yield from self._accept(state)
        if state.kills and state.redriving:
            after = state._replace(redriving="", folded=(), kills=state.kills - 1)
            yield Step("the redrive is killed", after)

    def _apply(self, state: State, row: int) -> Step[State]:
        """db.apply.LaneApplier.apply_batch of one row."""
        after, kind = state._replace(applied=row), state.rows[row - 1]
        if kind == BAD and not state.mended:
            parks = self._without != "park" and not state.park
            rejected = _out(after, row, REJECTED)._replace(park=row if parks else state.park)
            return Step(f"the worker rejects row {row}{' and parks the key' if parks else ''}", rejected, "worker")
        if kind == WHOLE:
            left = tuple(one for one in state.out if one[1] != PARKED)
            whole = after._replace(document=(row,), park=0, out=left)
            return Step(f"the worker applies row {row}, and what was parked is superseded", whole, "worker")
        if state.park:
            return Step(f"the worker parks row {row} with its key", _out(after, row, PARKED), "worker")
        return Step(f"the worker applies row {row}", after._replace(document=(*state.document, row)), "worker")

    def _redrive(self, state: State) -> Iterator[Step[State]]:
        """migration_worker.redriving.Redriving.run: begins, one transaction after another, ends."""
        rejects = [row for row, outcome in state.out if outcome != PARKED]
        if not state.redriving:
            # db.redrive.LaneRedrive.enter asks for keys whose first waiting row is no reject.
            begun = bool(state.park) and state.park not in rejects and self._without != "release resumed"
            if rejects or begun:
                after = state._replace(redriving="in part" if begun else "between")
                found = ", and finds a release that was cut short" if begun else ""
                yield Step(f"a redrive begins{found}", after, "redrive")
        elif state.redriving == "written":
            # Only without `one transaction`
            after = _settled(state, state.folded)._replace(folded=())
            yield Step("the redrive writes the outcomes in a transaction of its own", after, "redrive")
        elif state.park and (state.park in rejects or state.redriving == "in part"):
            yield from self._release(state)
        elif rejects and (not state.park or rejects[0] < state.park):
            yield self._history(state, rejects[0])
        else:
            yield Step("the redrive ends", state._replace(redriving=""), "redrive")

    def _accept(self, state: State) -> Iterator[Step[State]]:
        """db.reject_decisions.accept: the decision, and then the rows that wait."""
        parked_by = (state.park, REJECTED) in state.out
        if state.accepts and parked_by and not state.accepting:
            after = state._replace(accepting=state.park, accepts=state.accepts - 1)
            yield Step(f"row {state.park} is accepted as a deviation", after)
        elif state.accepting and state.park != state.accepting:
            yield Step("the acceptance finds no more to free", state._replace(accepting=0), "person")
        elif state.accepting:
            waiting = [row for row, outcome in state.out if outcome == PARKED]
            for count in sorted({min(1, len(waiting)), min(2, len(waiting))}):
                yield self._reject_some(state, waiting[:count], ended=count == len(waiting))
            if state.kills:
                yield Step("the acceptance is killed", state._replace(accepting=0, kills=state.kills - 1))

    def _reject_some(self, state: State, rows: list[int], *, ended: bool) -> Step[State]:
        out = tuple((row, BEHIND if row in rows else outcome) for row, outcome in state.out)
        # A reject of another pattern that stands among them is overtaken too, and stays open under its own name.
        accepted = tuple(sorted({*state.accepted, *(row for row, _ in out if row >= state.park)}))
        after = state._replace(out=out, accepted=accepted, park=0 if ended else state.park)
        return Step(f"rows {rows} are rejected behind it{', and the key is free' if ended else ''}", after, "person")

    def _release(self, state: State) -> Iterator[Step[State]]:
        """db.redrive_partial.partial_again: rows of the key from the one that it waits behind."""
        waiting = [row for row, _ in state.out if row >= state.park]
        for count in sorted({1, min(2, len(waiting))}):
            rows = tuple(waiting[:count])
            written = state._replace(document=(*state.document, *rows))
            story = f"the redrive releases rows {list(rows)}"
            if self._without == "one transaction":
                after = written._replace(redriving="written", folded=rows)
                yield Step(f"{story} and commits the document alone", after, "redrive")
            else:
                yield Step(story, _settled(written, rows), "redrive")

    def _history(self, state: State, row: int) -> Step[State]:
        """db.redrive_partial.partial_again of a reject whose key went on without it."""
        end = state.park or state.applied + 1
        whole = max([one for one in range(1, end) if state.rows[one - 1] == WHOLE], default=1)
        left = tuple(one for one in state.out if one[0] >= end)
        after = state._replace(document=tuple(range(whole, end)), out=left)
        return Step(f"the redrive folds the key from its start, with row {row}", after, "redrive")


def _out(state: State, row: int, outcome: str) -> State:
    return state._replace(out=tuple(sorted((*state.out, (row, outcome)))))


def _settled(state: State, rows: tuple[int, ...]) -> State:
    """The rows have their outcomes; the key is free, or waits from the next row on."""
    left = tuple(one for one in state.out if one[0] not in rows)
    rest = min([row for row, _ in left if row > rows[-1]], default=0)
    return state._replace(out=left, park=rest, redriving="in part" if rest else "between")
