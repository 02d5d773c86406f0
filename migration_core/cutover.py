"""The cut-over as a state machine: which step follows which, and where a failed gate or an abort leads. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from migration_core.gate import Gate, GateVerdict


class CutoverStep(StrEnum):
    """Where a cut-over stands: the way forward, the way back, and the three ends."""

    PREFLIGHT = "preflight"
    LAG = "lag"
    FREEZE = "freeze"
    DRAIN = "drain"
    VERIFY = "verify"
    PLANS = "drift_and_plans"
    REJECTS = "rejects"
    APPROVAL = "approval"
    LAST_LOOK = "last_look"
    CHANGE_LOG = "change_log"
    SWITCH = "switch"
    WATCH = "watch"
    CLOSE = "close"

    SWITCH_BACK = "switch_back"
    CARRY_BACK = "carry_back"
    RELEASE = "release"
    UNFREEZE = "unfreeze"

    DONE = "done"
    REHEARSED = "rehearsed"
    SYNCING = "syncing"


class Ending(StrEnum):
    """How one step ended."""

    PASSED = "passed"
    FAILED = "failed"
    ABORTED = "aborted"


FORWARD = tuple(CutoverStep)[: tuple(CutoverStep).index(CutoverStep.SWITCH_BACK)]
BACK = (CutoverStep.SWITCH_BACK, CutoverStep.CARRY_BACK, CutoverStep.RELEASE, CutoverStep.UNFREEZE)
ENDS = (CutoverStep.DONE, CutoverStep.REHEARSED, CutoverStep.SYNCING)
_SWITCHED = (CutoverStep.SWITCH, CutoverStep.WATCH)
"""From here on users may have written to the new platform: only a person turns back."""


@dataclass(frozen=True, slots=True)
class CutoverPlan:
    """What a person decided before it began."""

    max_lag: int
    """Records not applied yet, at most, when the freeze may begin."""
    drain_seconds: float
    """How long the drain may take before the legacy platform is given back."""
    approval_seconds: float
    """How long the legacy platform stays frozen for a person's answer."""
    watch_seconds: float
    """How long changes are kept for a way back after the switch."""


def after(step: CutoverStep, ending: Ending, *, rehearsal: bool, turned_back: bool) -> CutoverStep:
    """The step that follows; `turned_back` says that a gate has failed or a person has aborted before."""
    if ending is not Ending.PASSED and step in FORWARD:
        return _way_back(step, ending)
    if ending is not Ending.PASSED:
        return step  # the way back has no other way: the same again, until it succeeds
    if step is CutoverStep.UNFREEZE:
        return CutoverStep.REHEARSED if rehearsal and not turned_back else CutoverStep.SYNCING
    if step in BACK:
        return BACK[BACK.index(step) + 1]
    if step is CutoverStep.CLOSE:
        return CutoverStep.DONE
    if rehearsal and step is CutoverStep.REJECTS:
        return CutoverStep.UNFREEZE
    return FORWARD[FORWARD.index(step) + 1]


def _way_back(step: CutoverStep, ending: Ending) -> CutoverStep:
    if step is CutoverStep.CLOSE:
        return step  # changes may be logged no more: there is no way back that would keep them
    if step in _SWITCHED:
        return step if ending is Ending.FAILED else CutoverStep.SWITCH_BACK
    if step is CutoverStep.CHANGE_LOG:
        return CutoverStep.RELEASE
    return CutoverStep.SYNCING if step in (CutoverStep.PREFLIGHT, CutoverStep.LAG) else CutoverStep.UNFREEZE


def token(cutover_id: int, number: int, step: CutoverStep) -> str:
    """What a hook is called with: the same at each try of one step, so that it knows a second call from a new one."""
    return f"cutover-{cutover_id}-{number}-{step}"


def failures(gates: Iterable[Gate]) -> str:
    """The gates that shut the way, in a line; empty when none does."""
    shut = [gate for gate in gates if gate.verdict is GateVerdict.FAIL]
    return "; ".join(f"{gate.name}: {gate.found}" + (f" ({gate.remedy})" if gate.remedy else "") for gate in shut)
