"""Takes a cut-over from step to step: asks the gates, calls the hooks, waits for people, and turns back on any no."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import TypeVar

from db.cutover_store import Cutover, CutoverStore, End, RunnerLock
from migration_core.cutover import ENDS, FORWARD, CutoverStep, Ending, after, failures, token
from migration_core.errors import ConfigError, Fenced, MigrationError, Transient
from migration_core.gate import Gate, GateVerdict
from migration_core.steps import Reached, Step, nothing
from runtime import hooks
from runtime.hooks import HookCall, HookFailed
from runtime.retry import patiently

NamedGates = tuple[str, Callable[[], Sequence[Gate]]]
"""A name for messages, and what to ask."""

T = TypeVar("T")

_PATIENCE = timedelta(seconds=60)
"""How long a part may be away before the runner leaves; whoever starts it again goes on at the same step."""
_ONCE = (CutoverStep.PREFLIGHT, CutoverStep.VERIFY, CutoverStep.PLANS, CutoverStep.REJECTS, CutoverStep.LAST_LOOK)
_WAITING = (CutoverStep.LAG, CutoverStep.DRAIN)
_HOOKS = (CutoverStep.FREEZE, CutoverStep.SWITCH, CutoverStep.SWITCH_BACK, CutoverStep.UNFREEZE)


class CutoverStuck(MigrationError):
    """A step that has no other way forward failed; the message says what to do before it is run again."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The user's commands or URLs by step, and how long one may take."""

    by_step: Mapping[CutoverStep, str]
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Acts:
    """What the program itself does at a step; each is safe to repeat."""

    ends: Callable[[], Sequence[End]]
    """Read where the topics end."""
    protect: Callable[[int], None]
    """Hold the streams still and begin to log changes, for the cut-over of this number."""
    carry_back: Callable[[int], int]
    """Write the change files; how many changes they hold."""
    release: Callable[[int], None]
    """Log no more changes and apply the streams again."""
    close: Callable[[int], None]
    """Log no more changes."""
    each_look: Callable[[], None] = lambda: None
    """Called while it waits."""


@dataclass(frozen=True, slots=True)
class _Ended:
    ending: Ending
    detail: str = ""
    gates: Sequence[Gate] = ()


class CutoverRunner:
    """Runs the cut-over that is under way; killed at any instruction, the next one goes on where it stood."""

    def __init__(
        self,
        store: CutoverStore,
        gates: Callable[[Cutover], Mapping[CutoverStep, Sequence[NamedGates]]],
        hooks_: Hooks,
        acts: Acts,
        *,
        stop: Event,
        told: Callable[[str], None] = lambda _text: None,
        reached: Reached = nothing,
        look_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._gates_of = gates
        self._hooks = hooks_
        self._acts = acts
        self._stop = stop
        self._told = told
        self._reached = reached
        self._look_seconds = look_seconds
        self._waits = ""

    def run(self, until: CutoverStep | None = None) -> Cutover:
        """Take steps until the cut-over has ended or stands at `until`; how it stands then."""
        with self._store.sole_runner() as lock:
            at = self._store.take_over()
            if at is None:
                raise ConfigError("no cut-over is under way: begin one with `migration cutover run`")
            while at.step not in ENDS and not self._leaves(at, until):
                at = self._step(at, lock)
            return at

    def _leaves(self, at: Cutover, until: CutoverStep | None) -> bool:
        """Never where somebody waits for it to turn back."""
        return at.step is until and at.abort_by is None

    def _step(self, at: Cutover, lock: RunnerLock) -> Cutover:
        self._reached(Step.CUTOVER_STEP_BEGUN)
        self._told(f"{at.step}")
        lock.beat()
        ended = self._take(at, lock)
        self._reached(Step.CUTOVER_STEP_DONE)
        back = at.reason or ("" if ended.ending is Ending.PASSED else ended.detail)
        to = after(at.step, ended.ending, rehearsal=at.rehearsal, turned_back=bool(back))
        if to is at.step:
            self._store.note(at, ended.gates, ended.detail)
            raise CutoverStuck(f"{at.step}: {ended.detail}; then `migration cutover run` again, or abort")
        self._store.move(at, ended.ending, to, detail=ended.detail, reason=back, gates=ended.gates)
        self._reached(Step.CUTOVER_STEP_MOVED)
        if ended.ending is not Ending.PASSED:
            self._told(f"{at.step} {ended.ending}: {ended.detail}")
        return self._mine(at)

    def _take(self, at: Cutover, lock: RunnerLock) -> _Ended:
        if at.step in FORWARD and at.step is not CutoverStep.CLOSE and at.abort_by is not None:
            return _aborted(at)
        if at.step in _HOOKS:
            return self._call(at, lock)
        if at.step in _ONCE:
            gates = self._ask(at)
            shut = failures(gates)
            return _Ended(Ending.FAILED if shut else Ending.PASSED, shut, gates)
        match at.step:
            case CutoverStep.LAG:
                return self._until_open(at, lock, None)
            case CutoverStep.DRAIN:
                if at.ends is None:
                    at = self._with_ends(at)
                return self._until_open(at, lock, at.plan.drain_seconds)
            case CutoverStep.APPROVAL:
                return self._until_approved(at, lock)
            case CutoverStep.WATCH:
                return self._watched(at, lock)
        return self._act(at)

    def _call(self, at: Cutover, lock: RunnerLock) -> _Ended:
        hook = self._hooks.by_step.get(at.step)
        if hook is None:
            return _Ended(Ending.FAILED, f"no {at.step} hook is set: set CUTOVER_{at.step.upper()}_HOOK")
        what = HookCall(at.step, token(at.cutover_id, at.number, at.step), at.cutover_id, at.rehearsal)
        try:
            hooks.call(hook, what, seconds=self._hooks.seconds, beat=lock.beat)
        except (HookFailed, ConfigError) as error:
            return _Ended(Ending.FAILED, str(error))
        self._reached(Step.CUTOVER_HOOK_CALLED)
        return _Ended(Ending.PASSED)

    def _act(self, at: Cutover) -> _Ended:
        try:
            match at.step:
                case CutoverStep.CHANGE_LOG:
                    self._acts.protect(at.cutover_id)
                case CutoverStep.CARRY_BACK:
                    return self._carried_back(at)
                case CutoverStep.RELEASE:
                    self._acts.release(at.cutover_id)
                case CutoverStep.CLOSE:
                    self._acts.close(at.cutover_id)
        except (Transient, Fenced):
            raise
        except MigrationError as error:
            return _Ended(Ending.FAILED, str(error))
        return _Ended(Ending.PASSED)

    def _carried_back(self, at: Cutover) -> _Ended:
        changes = self._acts.carry_back(at.cutover_id)
        if changes and not at.carried_back:
            told = f"{changes:,} changes since the switch are in the change files: apply them to the old platform and "
            return _Ended(Ending.FAILED, told + "say so with `migration cutover abort --changes-applied`")
        return _Ended(Ending.PASSED, f"{changes:,} changes")

    def _until_open(self, at: Cutover, lock: RunnerLock, limit: float | None) -> _Ended:
        while True:
            gates = self._ask(at)
            shut = failures(gates)
            if not shut:
                return _Ended(Ending.PASSED, gates=gates)
            now = self._look_again(at, lock, gates, shut)
            if now.abort_by is not None:
                return _aborted(now, gates)
            if limit is not None and now.seconds_in_step > limit:
                return _Ended(Ending.FAILED, f"not within {limit:.0f} s: {shut}", gates)
            # A transaction that was open at the freeze ends with a marker behind the ends that were read then.
            at = self._with_ends(now) if now.step is CutoverStep.DRAIN else now

    def _until_approved(self, at: Cutover, lock: RunnerLock) -> _Ended:
        now = at
        while now.approved_by is None:
            now = self._look_again(at, lock, (), "waits for `migration cutover approve --by NAME`")
            if now.abort_by is not None:
                return _aborted(now)
            if now.approved_by is None and now.seconds_in_step > at.plan.approval_seconds:
                return _Ended(Ending.FAILED, f"nobody approved within {at.plan.approval_seconds:.0f} s")
        return _Ended(Ending.PASSED, f"approved by {now.approved_by}")

    def _watched(self, at: Cutover, lock: RunnerLock) -> _Ended:
        """A no of a gate is told and turns nothing back: users have written, so a person decides."""
        gates: Sequence[Gate] = ()
        now = at
        while now.seconds_in_step <= at.plan.watch_seconds and now.abort_by is None:
            gates = self._ask(at)
            now = self._look_again(at, lock, gates, failures(gates))
        now = self._mine(at)
        return _aborted(now, gates) if now.abort_by else _Ended(Ending.PASSED, failures(gates), gates)

    def _look_again(self, at: Cutover, lock: RunnerLock, gates: Sequence[Gate], waits: str) -> Cutover:
        self._store.note(at, gates, waits)
        if waits and waits != self._waits:
            self._told(f"{at.step}: {waits}")
        self._waits = waits
        self._acts.each_look()
        if self._stop.wait(self._look_seconds):
            raise Transient(f"asked to leave at {at.step}: `migration cutover run` goes on there")
        lock.beat()
        return self._mine(at)

    def _ask(self, at: Cutover) -> list[Gate]:
        asked = self._gates_of(at).get(at.step, ())
        if not asked:
            return [Gate(at.step, GateVerdict.FAIL, "nothing checks this", "give this step its gates")]
        found: list[Gate] = []
        for name, gates in asked:
            found += self._answer(name, gates)
            if at.step in _WAITING and failures(found):
                break  # it is asked every second, and what follows may count every row
        return found

    def _answer(self, name: str, gates: Callable[[], Sequence[Gate]]) -> Sequence[Gate]:
        try:
            return self._away(name, gates)
        except (Transient, Fenced):
            raise
        except MigrationError as error:
            return [Gate(name, GateVerdict.FAIL, str(error), "mend what the message names")]

    def _away(self, what: str, work: Callable[[], T]) -> T:
        return patiently(work, stop=self._stop, what=what, patience=_PATIENCE)

    def _with_ends(self, at: Cutover) -> Cutover:
        self._store.record_ends(at, self._away("the ends of the topics", self._acts.ends))
        return self._mine(at)

    def _mine(self, at: Cutover) -> Cutover:
        now = self._store.latest()
        if now is None or (now.cutover_id, now.epoch) != (at.cutover_id, at.epoch):
            raise Fenced("another process has taken over this cut-over")
        return now


def _aborted(at: Cutover, gates: Sequence[Gate] = ()) -> _Ended:
    because = f": {at.abort_reason}" if at.abort_reason else ""
    return _Ended(Ending.ABORTED, f"aborted by {at.abort_by}{because}", gates)
