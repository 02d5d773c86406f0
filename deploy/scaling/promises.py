"""What a good policy does, said of one simulated run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from deploy.scaling.model import Run, Sample, World, simulate
from deploy.scaling.policy import Policy
from deploy.scaling.scenario import MINUTE, Scenario

WAIT_SECONDS = 60
"""Rows that would wait longer, at the pace of the running workers, count as starving."""
REACTION_MINUTES = 12
"""So much longer than with the most tasks from the beginning rows may starve: three minutes until the alarm, two until
a data point is seen, one until a task runs, and the work of those minutes."""
TIMES_THE_LEAST = 3.5
"""Task-hours against what would do if every task came the moment that it was needed and left the moment after."""


@dataclass(frozen=True)
class Judged:
    """One run in numbers."""

    starving_minutes: float
    best_minutes: float
    """The same where `most` tasks ran all the time: what no policy can better."""
    turns: int
    most_tasks: int
    task_hours: float
    least_hours: float
    idle_calls: int
    """Tasks added while streams were held, when there was nothing to do for them."""
    blind_cuts: int
    """Tasks removed while nobody counted rows."""

    def broken(self, policy: Policy, scenario: Scenario) -> Iterator[str]:
        """Which promises it does not keep."""
        unseen = max((ends - begins for begins, ends in scenario.unseen), default=0.0) / MINUTE
        if self.starving_minutes > self.best_minutes + REACTION_MINUTES + unseen:
            yield "starves"
        if self.turns > 2 * scenario.rises - 1:
            yield "flaps"
        if self.most_tasks > policy.most:
            yield "more than the most"
        if self.task_hours > TIMES_THE_LEAST * self.least_hours:
            yield "costs too much"
        if self.idle_calls:
            yield "calls workers for rows that none may take"
        if self.blind_cuts:
            yield "removes workers unseen"


def judged(policy: Policy, run: Run, world: World) -> Judged:
    """Compared with the same hours under the most tasks from the beginning."""
    best = simulate(replace(policy, least=policy.most), run.scenario, world)
    scenario = run.scenario
    return Judged(
        starving_minutes=_starving(run, world),
        best_minutes=_starving(best, world),
        turns=_turns(run.samples),
        most_tasks=max(one.desired for one in run.samples),
        task_hours=run.task_hours,
        least_hours=_least_hours(policy, scenario, world),
        idle_calls=sum(_changes(run.samples, begins, ends, 1) for begins, ends in scenario.held),
        blind_cuts=sum(_changes(run.samples, begins, ends, -1) for begins, ends in scenario.unseen),
    )


def _starving(run: Run, world: World) -> float:
    """The longest stretch in which more rows wait than running workers apply in `WAIT_SECONDS`, in minutes."""
    longest, since = 0.0, None
    for one in run.samples:
        starves = one.waiting > WAIT_SECONDS * world.rows_per_worker * one.running
        since = (one.at if since is None else since) if starves else None
        longest = max(longest, one.at - since if since is not None else 0.0)
    return longest / MINUTE


def _turns(samples: Sequence[Sample]) -> int:
    steps = [after.desired > before.desired for before, after in pairwise(samples) if after.desired != before.desired]
    return sum(one is not other for one, other in pairwise(steps))


def _changes(samples: Sequence[Sample], begins: float, ends: float, sign: int) -> int:
    """Tasks added (1) or removed (-1) between two moments; added, once data points of before are too old to act on."""
    old = begins + 5 * MINUTE if sign > 0 else begins
    within = [one for one in samples if old <= one.at < ends]
    return sum(max(0, sign * (after.desired - before.desired)) for before, after in pairwise(within))


def _least_hours(policy: Policy, scenario: Scenario, world: World) -> float:
    """Each row's own share of a worker, and never fewer than `least` tasks."""
    ends = [at for at, _ in scenario.arriving[1:]] + [scenario.seconds]
    needed = [
        (until - at) * max(policy.least, rate / world.rows_per_worker)
        for (at, rate), until in zip(scenario.arriving, ends, strict=True)
    ]
    return sum(needed) / 3600
