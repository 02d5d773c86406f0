"""A discrete-event model of rows that wait, of tasks that apply them, and of the policy that counts both.

Between two events every rate is constant, so the rows that wait are computed exactly and not step by step.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from deploy.scaling.fleet import Fleet
from deploy.scaling.policy import Policy
from deploy.scaling.scenario import MINUTE, Scenario
from deploy.scaling.tracking import Decision, ScaleIn, decided

_TOLD_EVERY = 30
"""Programs tell their metrics so often."""
_REMEMBERED = 20
"""Minutes of data points that any alarm here looks at, and a few more."""
_OF_THE_SERVICE = frozenset({"RunningTaskCount", "DesiredTaskCount"})


@dataclass(frozen=True)
class World:
    """What the policy does not choose."""

    rows_per_worker: float
    """One worker's rows a second."""
    rows_of_server: float
    """The MySQL server's: more workers than that add nothing."""
    told_after: float = 60
    """A minute's lines are a data point so many seconds after its end."""
    counted_after: float = 120
    """The same of Container Insights' counts of tasks."""
    look_at: float = 17
    """The second of the minute at which alarms are evaluated."""
    scale_in: ScaleIn = ScaleIn.AT_ONCE


@dataclass(frozen=True, slots=True)
class Sample:
    """What was so at one moment."""

    at: float
    waiting: float
    held: float
    desired: int
    running: int


@dataclass(frozen=True)
class Run:
    """One scenario under one policy."""

    scenario: Scenario
    samples: Sequence[Sample]
    task_hours: float


def simulate(policy: Policy, scenario: Scenario, world: World) -> Run:
    """The whole scenario, from `policy.least` running tasks on."""
    return _Model(policy, scenario, world).run()


@dataclass
class _Minute:
    """Of which CloudWatch makes one data point."""

    told: dict[str, list[float]] = field(default_factory=dict)
    counted: dict[str, list[float]] = field(default_factory=dict)


class _Model:
    def __init__(self, policy: Policy, scenario: Scenario, world: World) -> None:
        self._policy = policy
        self._scenario = scenario
        self._world = world
        self._now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._fleet = Fleet(policy.on_demand, self._later)
        self._decision = Decision(policy.least, policy.least)
        self._rate = self._waiting = self._held = self._arrived = 0.0
        self._is_held = False
        self._minutes: dict[int, _Minute] = {}
        self._samples: list[Sample] = []

    def run(self) -> Run:
        self._fleet.wants(self._policy.least)
        self._plan()
        while self._events and self._events[0][0] <= self._scenario.seconds:
            at, _, happens = heapq.heappop(self._events)
            self._pass(at - self._now)
            self._now = at
            happens()
        return Run(self._scenario, self._samples, self._fleet.seconds / 3600)

    def _plan(self) -> None:
        for at, rate in self._scenario.arriving:
            self._at(at, partial(self._arrives, rate))
        for begins, ends in self._scenario.held:
            self._at(begins, self._hold)
            self._at(ends, self._release)
        for begins, ends in self._scenario.without_spot:
            self._at(begins, self._fleet.interrupt)
            self._at(ends, self._fleet.offer_spot)
        self._at(_TOLD_EVERY, self._tell)
        self._at(MINUTE + self._world.look_at, self._look)

    def _at(self, at: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), happens))

    def _later(self, seconds: float, happens: Callable[[], None]) -> None:
        self._at(self._now + seconds, happens)

    def _pass(self, seconds: float) -> None:
        self._fleet.passes(seconds)
        if self._is_held:
            self._held += self._rate * seconds
            return
        parallel = min(self._fleet.running, self._scenario.lanes)
        applied = min(parallel * self._world.rows_per_worker, self._world.rows_of_server)
        self._waiting = max(0.0, self._waiting + (self._rate - applied) * seconds)
        self._arrived += self._rate * seconds

    def _arrives(self, rate: float) -> None:
        self._rate = rate

    def _hold(self) -> None:
        self._is_held, self._held, self._waiting = True, self._held + self._waiting, 0.0

    def _release(self) -> None:
        self._is_held, self._waiting, self._held = False, self._waiting + self._held, 0.0

    def _tell(self) -> None:
        """What programs and Container Insights say of this moment."""
        minute = self._minutes.setdefault(int((self._now - 1) // MINUTE), _Minute())
        if not any(begins <= self._now < ends for begins, ends in self._scenario.unseen):
            told = {
                "migration_waiting_rows": self._waiting,
                "migration_backlog_rows": self._waiting + self._held,
            }
            for name, value in told.items():
                minute.told.setdefault(name, []).append(value)
            if self._arrived:  # a counter that has not grown is not told
                minute.told.setdefault("migration_arrived_rows_total", []).append(self._arrived)
            self._arrived = 0.0
        minute.counted.setdefault("RunningTaskCount", []).append(self._fleet.running)
        minute.counted.setdefault("DesiredTaskCount", []).append(self._fleet.desired)
        self._samples.append(Sample(self._now, self._waiting, self._held, self._fleet.desired, self._fleet.running))
        self._later(_TOLD_EVERY, self._tell)

    def _look(self) -> None:
        last = int(self._now // MINUTE) - 1
        points = [self._point(minute) for minute in range(last - _REMEMBERED, last + 1)]
        self._decision = decided(self._policy, self._decision, points, self._now, self._world.scale_in)
        if self._decision.desired != self._fleet.desired:
            self._fleet.wants(self._decision.desired)
        self._later(MINUTE, self._look)

    def _point(self, minute: int) -> float | None:
        """The metric of a minute, as far as CloudWatch has it by now."""
        found = self._minutes.get(minute)
        if found is None:
            return None
        age = self._now - (minute + 1) * MINUTE
        values = {
            key: _statistic(
                (found.counted if one.name in _OF_THE_SERVICE else found.told).get(one.name, ())
                if age >= (self._world.counted_after if one.name in _OF_THE_SERVICE else self._world.told_after)
                else (),
                one.statistic,
            )
            for key, one in self._policy.metrics.items()
        }
        return self._policy.value(values)


def _statistic(values: Sequence[float], statistic: str) -> float | None:
    if not values:
        return None
    return {"Maximum": max(values), "Sum": sum(values), "Average": sum(values) / len(values)}[statistic]
