"""What `MIGRATION_FAILPOINTS` asks for: kill, stop or raise at the n-th pass of a step, or tell every step."""

import os
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Literal, cast, get_args

from migration_core.errors import Transient
from migration_core.steps import Reached, Step

Act = Literal["kill", "stop", "raise"]
TELL = "tell:"
"""Begins a text that names a pipe to which each step is written as a line, for whoever kills from outside."""

NEVER_FAILS = frozenset({Step.MASTER_RUNG})
"""Nothing that could fail is done there: a thread that ends there does so by a mistake, and the process with it."""


@dataclass(frozen=True, slots=True)
class Failpoint:
    """One thing to do at one pass of one step; pass 1 is the first."""

    step: Step
    passing: int
    act: Act


def parse(text: str) -> list[Failpoint]:
    """`worker.locked:3:kill,master.committed:1:raise`; the pass is 1 and the act is kill where they are left out."""
    found = []
    for one in filter(None, text.split(",")):
        step, passing, act, *_ = [*one.split(":"), *("1", "kill")[one.count(":") :]]
        if act not in get_args(Act):
            raise ValueError(f"{one!r}: {act!r} is none of {', '.join(get_args(Act))}")
        found.append(Failpoint(Step(step), int(passing), cast("Act", act)))
    return found


def reached_of(text: str) -> Reached:
    """The function that programs call at every step."""
    if text.startswith(TELL):
        return _teller(text.removeprefix(TELL))
    waiting = {(one.step, one.passing): one.act for one in parse(text)}
    passes: Counter[Step] = Counter()

    def reached(step: Step) -> None:
        passes[step] += 1
        act = waiting.get((step, passes[step]))
        if act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif act == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif act == "raise":
            raise Transient(f"failpoint {step}")

    return reached


def _teller(pipe: str) -> Reached:
    line = os.open(pipe, os.O_WRONLY | os.O_CLOEXEC)

    def reached(step: Step) -> None:
        os.write(line, f"{step}\n".encode())

    return reached
