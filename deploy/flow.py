"""What both state machines are made of: commands that run as tasks, and what becomes of each exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

State = dict[str, Any]

_TRIES = 3
_PAUSES = (0, 30, 120)
"""Seconds before the second and the third try."""
_FAILED, _READ, _CODE = "Failed", "Read exit code", "Exit code"
_COUNT_ROUND, _ROUNDS, _PAUSE = "Count round", "Rounds", "Pause"
_COUNT_FAILURE, _TRIES_LEFT, _BACK_OFF, _AGAIN = "Count failure", "Tries", "Back off", "Again"
_EXIT_CODE = "$.ended.Task.Containers[0].ExitCode"


@dataclass(frozen=True)
class Command:
    """One task run to its end: 0 goes on, 75 runs it again, 2 gives up, and anything else is tried three times."""

    name: str
    task: str
    """Whose definition and group `${…Task}` and `${…Group}` stand for."""
    then: str
    seconds: int = 600
    """Time-out of one run."""
    words: Sequence[str] | None = None
    """The container's command; None leaves the definition's own, and `$.` marks words that come from the input."""
    no: str | None = None
    """Where exit code 1 leads that is an answer; where it is not, 1 is a failure like others."""
    rounds: int = 60
    """How often it may ask to be run again."""
    pause: int = 10


@dataclass(frozen=True)
class Where:
    """In which of AWS's partitions, and in how many subnets."""

    partition: str
    subnets: int


@dataclass
class Flow:
    """Collects states; every step is begun anew with its own counters."""

    place: Where
    gave_up: str
    """Where a step leads that failed for good."""
    states: dict[str, State] = field(default_factory=dict)
    _commands: list[Command] = field(default_factory=list)
    _again: dict[str, str] = field(default_factory=dict)

    def enter(self, first: str) -> None:
        """Make `Begin`: a step that fails without a word, as a refused call may, finds this instead of one."""
        nothing = {"Error": "none", "Cause": ""}
        self.states["Begin"] = {"Type": "Pass", "Result": nothing, "ResultPath": "$.failed", "Next": first}

    def fail(self, name: str, error: str, cause: str) -> None:
        """An end that calls; `cause` is an expression."""
        self.states[name] = {"Type": "Fail", "Error": error, "CausePath": cause}

    def begin(self, name: str, first: str, *, rounds: int, pause: int) -> None:
        """Make `Begin NAME`; whatever runs again under this name does so at the state `first`."""
        at = {"step": name, "tries": 0, "rounds": 0, "most": rounds, "pause": pause, "wait": 0}
        self.states[begun(name)] = {"Type": "Pass", "Result": at, "ResultPath": "$.at", "Next": first}
        self._again[name] = first

    def run(self, command: Command) -> None:
        """Make the two states of one command."""
        self.begin(command.name, command.name, rounds=command.rounds, pause=command.pause)
        self._commands.append(command)
        self.states[command.name] = {
            "Type": "Task",
            "Resource": f"arn:{self.place.partition}:states:::ecs:runTask.sync",
            "Parameters": self._task(command),
            "TimeoutSeconds": command.seconds,
            "ResultPath": None,
            "Next": command.then,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": _FAILED}],
        }

    def call(self, name: str, action: str, parameters: Mapping[str, Any], then: str, result: str | None = None) -> None:
        """One call of an AWS API, tried three times by Step Functions itself."""
        self.states[name] = {
            "Type": "Task",
            "Resource": f"arn:{self.place.partition}:states:::aws-sdk:{action}",
            "Parameters": dict(parameters),
            "TimeoutSeconds": 60,
            "ResultPath": result,
            "Next": then,
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": _FAILED}],
        }

    def tell(self, name: str, subject: str, text: str, then: str) -> None:
        """Good news: whether they come through changes nothing."""
        self.call(name, "sns:publish", {"TopicArn": "${Topic}", "Subject": subject, "Message": text}, then)
        self.states[name]["Catch"] = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": then}]

    def choose(self, name: str, cases: Sequence[tuple[State, str]], default: str) -> None:
        """The first condition that holds leads on."""
        choices = [{**condition, "Next": to} for condition, to in cases]
        self.states[name] = {"Type": "Choice", "Choices": choices, "Default": default}

    def machine(self, comment: str, start: str) -> State:
        """The whole, with what all steps share."""
        self._exits()
        self._another_round()
        self._another_try()
        return {"Comment": comment, "StartAt": start, "States": self.states}

    def _task(self, command: Command) -> State:
        place: State = {"Subnets": [f"${{Subnet{number}}}" for number in range(self.place.subnets)]}
        place |= {"SecurityGroups": [f"${{{command.task}Group}}"], "AssignPublicIp": "DISABLED"}
        found: State = {
            "Cluster": "${Cluster}",
            "TaskDefinition": f"${{{command.task}Task}}",
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {"AwsvpcConfiguration": place},
        }
        if command.words is not None:
            found["Overrides"] = {"ContainerOverrides": [{"Name": "main", **_words(command.words)}]}
        return found

    def _exits(self) -> None:
        """A task's exit code is in the text of `Cause`; a task that never began, or a refused call, has none."""
        said = {"Variable": "$.failed.Cause", "StringMatches": "{*}"}
        failed = {"Variable": "$.failed.Error", "StringEquals": "States.TaskFailed"}
        self.choose(
            _FAILED,
            [({"And": [failed, {"Variable": "$.failed.Cause", "IsPresent": True}, said]}, _READ)],
            _COUNT_FAILURE,
        )
        read = {"Task.$": "States.StringToJson($.failed.Cause)"}
        self.states[_READ] = {"Type": "Pass", "Parameters": read, "ResultPath": "$.ended", "Next": _CODE}
        answers = [(_ended(1, command.name), command.no) for command in self._commands if command.no is not None]
        self.choose(_CODE, [(_ended(75), _COUNT_ROUND), *answers, (_ended(2), self.gave_up)], _COUNT_FAILURE)

    def _another_round(self) -> None:
        """Work that is not over is no failure: failures before it are forgotten."""
        self.states[_COUNT_ROUND] = _counted("0", "States.MathAdd($.at.rounds, 1)", "$.at.wait", _ROUNDS)
        over = {"Variable": "$.at.rounds", "NumericGreaterThanPath": "$.at.most"}
        self.choose(_ROUNDS, [(over, self.gave_up)], _PAUSE)
        self.states[_PAUSE] = {"Type": "Wait", "SecondsPath": "$.at.pause", "Next": _AGAIN}
        where = [({"Variable": "$.at.step", "StringEquals": name}, first) for name, first in self._again.items()]
        self.choose(_AGAIN, where, self.gave_up)

    def _another_try(self) -> None:
        tries = "States.MathAdd($.at.tries, 1)"
        pauses = ", ".join(str(seconds) for seconds in (*_PAUSES, _PAUSES[-1]))
        wait = f"States.ArrayGetItem(States.Array({pauses}), {tries})"
        self.states[_COUNT_FAILURE] = _counted(tries, "$.at.rounds", wait, _TRIES_LEFT)
        spent = {"Variable": "$.at.tries", "NumericGreaterThanEquals": _TRIES}
        self.choose(_TRIES_LEFT, [(spent, self.gave_up)], _BACK_OFF)
        self.states[_BACK_OFF] = {"Type": "Wait", "SecondsPath": "$.at.wait", "Next": _AGAIN}


ANOTHER_ROUND = _COUNT_ROUND
"""Where a step leads that has nothing to report yet."""


def begun(name: str) -> str:
    """The state that a step begins with."""
    return f"Begin {name}"


def is_step(*names: str) -> State:
    """Whether the step at work is one of these."""
    return {"Or": [{"Variable": "$.at.step", "StringEquals": name} for name in names]}


def _words(words: Sequence[str]) -> State:
    if not any(word.startswith(("$.", "States.")) for word in words):
        return {"Command": list(words)}
    quoted = (word if word.startswith(("$.", "States.")) else f"'{word}'" for word in words)
    return {"Command.$": f"States.Array({', '.join(quoted)})"}


def _ended(code: int, step: str | None = None) -> State:
    there = [{"Variable": _EXIT_CODE, "IsPresent": True}, {"Variable": _EXIT_CODE, "NumericEquals": code}]
    return {"And": [*there, *([{"Variable": "$.at.step", "StringEquals": step}] if step else [])]}


def _counted(tries: str, rounds: str, wait: str, then: str) -> State:
    kept = {f"{name}.$": f"$.at.{name}" for name in ("step", "most", "pause")}
    counters: State = {"tries": 0} if tries == "0" else {"tries.$": tries}
    counters |= {"rounds.$": rounds, "wait.$": wait}
    return {"Type": "Pass", "Parameters": {**kept, **counters}, "ResultPath": "$.at", "Next": then}
