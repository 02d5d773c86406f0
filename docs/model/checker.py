"""Tries every order of a model's steps: a promise that breaks, or a run that never ends, is told as a story.

A model is a state, and the steps that can happen next in it. A step with an `actor` is one that a healthy process
takes sooner or later, if it can take it for long enough; one without an actor, such as a crash, may happen or not.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Generic, NamedTuple, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)

MOST_STATES = 2_000_000
"""Of one model: more would not fit into the memory of a small machine."""


class TooLarge(Exception):
    """The bounds of a model allow more states than can be tried."""


class Step(NamedTuple, Generic[S]):
    """What happens, and the state after it."""

    story: str
    state: S
    actor: str | None = None


class Model(Protocol[S]):
    """What is checked: `broken` in every state, and that `done` is reached whatever happens."""

    def start(self) -> S: ...
    def steps(self, state: S) -> Iterable[Step[S]]: ...
    def broken(self, state: S) -> str | None:
        """The promise that this state breaks, in words."""
        ...

    def done(self, state: S) -> bool:
        """Whether everything that was asked for has been reached, and stays so."""
        ...


@dataclass(frozen=True, slots=True)
class CounterExample:
    """The steps from the start to where a promise is broken."""

    promise: str
    steps: Sequence[str]
    repeated: Sequence[str] = ()
    """What may go on for ever behind these steps without any end; empty where nothing happens any more."""

    def __str__(self) -> str:
        lines = [f"{number:3}. {step}" for number, step in enumerate(self.steps, start=1)]
        lines += [f"     for ever: {step}" for step in self.repeated]
        return "\n".join([*lines, f"  => {self.promise}"])


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one check."""

    states: int
    steps: int
    found: CounterExample | None


def check(model: Model[S], *, most: int = MOST_STATES) -> Checked:
    """Try everything; the shortest story of a broken promise, or one of a run that never ends, if there is any."""
    graph = _Graph(model.start())
    if (promise := model.broken(graph.states[0])) is not None:
        return Checked(1, 0, CounterExample(promise, []))
    waiting = deque([0])
    while waiting:
        here = waiting.popleft()
        for step in model.steps(graph.states[here]):
            there, is_new = graph.add(here, step)
            if not is_new:
                continue
            promise = model.broken(step.state)
            if promise is not None:
                return graph.checked(CounterExample(promise, graph.story(there)))
            if len(graph.states) > most:
                raise TooLarge(f"more than {most:,} states: lower the bounds of the model")
            waiting.append(there)
    return graph.checked(_never_done(graph, model))


class _Graph(Generic[S]):
    """Every state that was reached, by the shortest way, with the steps that lead out of it."""

    def __init__(self, start: S) -> None:
        self.states = [start]
        self.next: list[list[tuple[int, str | None, str]]] = [[]]
        self._numbers = {start: 0}
        self._from: list[tuple[int, str]] = [(0, "")]
        self._steps = 0

    def add(self, here: int, step: Step[S]) -> tuple[int, bool]:
        """The number of the state that `step` leads to, and whether it was not known yet."""
        self._steps += 1
        there = self._numbers.setdefault(step.state, len(self.states))
        # The same words come again and again, and are kept once.
        self.next[here].append((there, step.actor, intern(step.story)))
        if there < len(self.states):
            return there, False
        self.states.append(step.state)
        self.next.append([])
        self._from.append((here, step.story))
        return there, True

    def story(self, state: int) -> list[str]:
        steps = []
        while state:
            state, story = self._from[state]
            steps.append(story)
        return steps[::-1]

    def checked(self, found: CounterExample | None) -> Checked:
        return Checked(len(self.states), self._steps, found)


def _never_done(graph: _Graph[S], model: Model[S]) -> CounterExample | None:
    """A run that stays among unfinished states though every actor gets its turns.

    Such a run ends up in states that are reached from each other again and again. It is a fair one, if each actor
    takes a step among them, or cannot take any in one of them.
    """
    unfinished = {number for number, state in enumerate(graph.states) if not model.done(state)}
    ends = [group for group in _groups(graph.next, unfinished) if _is_fair(graph, group)]
    if not ends:
        return None
    group = min(ends, key=min)  # states are numbered by the length of their story
    first, members = min(group), set(group)
    repeated = [story for there, _, story in graph.next[first] if there in members]
    promise = "this goes on, and what is left is never done" if repeated else "nothing more happens, and it is not done"
    return CounterExample(promise, graph.story(first), repeated[:3])


def _is_fair(graph: _Graph[S], group: Sequence[int]) -> bool:
    """Whether a run can stay in `group` for ever while every actor gets its turns."""
    members = set(group)
    taken = {actor for one in group for there, actor, _ in graph.next[one] if there in members}
    always = set.intersection(*({actor for _, actor, _ in graph.next[one] if actor} for one in group))
    return not always - taken


def _groups(edges: Sequence[Sequence[tuple[int, str | None, str]]], among: set[int]) -> Iterator[list[int]]:
    """States that are reached from each other (strongly connected components, after Tarjan, without recursion)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    for root in sorted(among):
        if root in order:
            continue
        work = [(root, iter(edges[root]))]
        _enter(root, order, low, path, on_path)
        while work:
            here, left = work[-1]
            for there, _, _ in left:
                if there not in among:
                    continue
                if there not in order:
                    _enter(there, order, low, path, on_path)
                    work.append((there, iter(edges[there])))
                    break
                if there in on_path:
                    low[here] = min(low[here], order[there])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[here])
                if low[here] == order[here]:
                    yield _leave(here, path, on_path)


def _enter(one: int, order: dict[int, int], low: dict[int, int], path: list[int], on_path: set[int]) -> None:
    order[one] = low[one] = len(order)
    path.append(one)
    on_path.add(one)


def _leave(root: int, path: list[int], on_path: set[int]) -> list[int]:
    group = []
    while True:
        one = path.pop()
        on_path.discard(one)
        group.append(one)
        if one == root:
            return group
