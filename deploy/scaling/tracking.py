"""Target tracking of Application Auto Scaling, decision by decision.

From AWS's documentation:

- User guide of Amazon ECS, "Use a target metric to scale Amazon ECS services": capacity is added in proportion to the
  metric as fast as it can be and removed more gradually; numbers are rounded so that too little is never added and too
  much never removed; without enough data nothing is scaled.
- User guide of Application Auto Scaling, "Define cooldown periods": while a scale-out cools down, what it has added
  counts as part of the next one, so only a larger one acts; a scale-in that cools down holds the next one up, and never
  a scale-out.
- The same, "Create a target tracking scaling policy using metric math": any function of metric math may be used.

Assumed, as it is seen of such alarms but not promised: 3 minutes above the target call for more, 15 minutes a tenth
below it for less; an alarm that stays calls again each minute, and looks at the newest data points that there are. How
much one scale-in removes is not known either: both ends are tried, all at once and one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil

from deploy.scaling.policy import Policy

_HIGH, _LOW = 3, 15
_LOW_AT = 0.9
_LOOKED_BACK = 2
"""An alarm looks at a few minutes more than it needs, in case that some have no data point."""


class ScaleIn(Enum):
    """How much one scale-in removes."""

    AT_ONCE = "at once"
    ONE_BY_ONE = "one by one"


@dataclass(frozen=True)
class Decision:
    """How many tasks there shall be, and what is remembered until the next minute."""

    desired: int
    before_out: int
    """Desired when the last scale-out began: a larger one counts from here while that cools down."""
    out_at: float = float("-inf")
    in_at: float = float("-inf")


def decided(policy: Policy, last: Decision, points: Sequence[float | None], now: float, scale_in: ScaleIn) -> Decision:
    """One look at the data points of the minutes that can be seen, the newest last."""
    if (high := _latest(points, _HIGH)) and min(high) > policy.target:
        return _out(policy, last, high[-1], now)
    if (low := _latest(points, _LOW)) and max(low) < policy.target * _LOW_AT:
        return _in(policy, last, low[-1], now, scale_in)
    return last


def _latest(points: Sequence[float | None], needed: int) -> Sequence[float]:
    """Empty where the data are insufficient."""
    found = [point for point in points[-(needed + _LOOKED_BACK) :] if point is not None]
    return found[-needed:] if len(found) >= needed else ()


def _out(policy: Policy, last: Decision, value: float, now: float) -> Decision:
    cooling = now - last.out_at < policy.out_cooldown
    begun = last.before_out if cooling else last.desired
    wanted = min(policy.most, ceil(begun * value / policy.target))
    if wanted <= last.desired:
        return last
    return Decision(wanted, begun, out_at=now)


def _in(policy: Policy, last: Decision, value: float, now: float, scale_in: ScaleIn) -> Decision:
    if now - last.in_at < policy.in_cooldown:
        return last
    enough = max(policy.least, ceil(last.desired * value / policy.target))
    wanted = max(enough, last.desired - 1) if scale_in is ScaleIn.ONE_BY_ONE else enough
    if wanted >= last.desired:
        return last
    return Decision(wanted, wanted, in_at=now)
