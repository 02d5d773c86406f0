"""How long users will be without a platform, from what was measured before the night. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migration_core.cutover import FORWARD, CutoverStep

FROZEN = FORWARD[FORWARD.index(CutoverStep.FREEZE) : FORWARD.index(CutoverStep.WATCH)]
"""The steps between the last write to the old platform and the first to the new one."""


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """One step; None where nothing has been measured yet."""

    step: CutoverStep
    seconds: float | None
    basis: str


def downtime(
    lag: int, rows_per_second: float | None, measured: Mapping[str, float], approval_seconds: float
) -> list[StepEstimate]:
    """Each step of the downtime: the drain by rate, the approval as planned, the others as they last were."""
    found = []
    for step in FROZEN:
        if step is CutoverStep.DRAIN:
            found.append(_drain(lag, rows_per_second))
        elif step is CutoverStep.APPROVAL:
            found.append(StepEstimate(step, approval_seconds, "as planned"))
        elif step.value in measured:
            found.append(StepEstimate(step, measured[step.value], "as the last cut-over or rehearsal took"))
        else:
            found.append(StepEstimate(step, None, "not measured: rehearse with `migration cutover run --rehearse`"))
    return found


def total(estimates: Sequence[StepEstimate]) -> float:
    """The seconds that are known."""
    return sum(one.seconds or 0.0 for one in estimates)


def slow_rate(rates: Sequence[float]) -> float | None:
    """A rate that three of four samples reached while there was work; None without samples."""
    return sorted(rates)[len(rates) // 4] if rates else None


def _drain(lag: int, rows_per_second: float | None) -> StepEstimate:
    if not rows_per_second:
        return StepEstimate(CutoverStep.DRAIN, None, "no rate has been measured while there was work")
    basis = f"{lag:,} records at {rows_per_second:,.0f} rows/s, which three of four samples reached"
    return StepEstimate(CutoverStep.DRAIN, lag / rows_per_second, basis)
