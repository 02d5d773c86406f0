"""A state machine, executed: each state as the language says, time by a clock of its own, tasks by hooks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.asl.paths import AslError, Missing, at, evaluated, filled, put

State = Mapping[str, Any]
Hook = Callable[[dict[str, Any]], Any]
"""Takes a task's parameters and gives its result, or raises `TaskFailed`."""

_COMMON = {"Type", "Comment", "Next", "End"}
_FIELDS = {
    "Pass": {"Result", "Parameters", "ResultPath"},
    "Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "SecondsPath"},
    "Succeed": set(),
    "Fail": {"Error", "Cause", "ErrorPath", "CausePath"},
}
_MOST_STATES = 5000


class TaskFailed(Exception):
    """A task that ended with an error."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(error, cause)
        self.error, self.cause = error, cause

    @property
    def output(self) -> dict[str, str]:
        """As a catcher hands it on; without a cause there is none."""
        return {"Error": self.error} | ({} if self.cause is None else {"Cause": self.cause})


@dataclass
class Clock:
    """Seconds that nobody waits for."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class Execution:
    """One run through a machine, and how it ended."""

    definition: State
    hooks: Mapping[str, Hook]
    """By the resource, without its partition."""
    clock: Clock = field(default_factory=Clock)
    path: list[str] = field(default_factory=list)
    """The states that it entered."""
    error: str | None = None
    cause: str = ""

    @property
    def succeeded(self) -> bool:
        return self.error is None

    def run(self, given: Any = None) -> Any:
        """The output; of one that failed, the input of the state that it failed in."""
        document = {} if given is None else given
        name: str | None = self.definition["StartAt"]
        while name is not None:
            self.path.append(name)
            if len(self.path) > _MOST_STATES:
                raise AslError(f"it does not end: {self.path[-10:]}")
            try:
                document, name = self._enter(self.definition["States"][name], document)
            except Missing as missing:  # no catcher hears of it
                self.error, self.cause, name = "States.Runtime", str(missing), None
        return document

    def _enter(self, state: State, document: Any) -> tuple[Any, str | None]:
        kind = state["Type"]
        if unknown := state.keys() - _COMMON - _FIELDS.get(kind, set()):
            raise AslError(f"{kind} with {sorted(unknown)} is not known here")
        match kind:
            case "Pass":
                result = filled(state["Parameters"], document, self._context) if "Parameters" in state else document
                result = state.get("Result", result)
                return put(state.get("ResultPath", "$"), document, result), state["Next"]
            case "Task":
                return self._task(state, document)
            case "Choice":
                return document, self._chosen(state, document)
            case "Wait":
                self.clock.wait(state["Seconds"] if "Seconds" in state else self._at(state["SecondsPath"], document))
                return document, state["Next"]
            case "Succeed":
                return document, None
            case "Fail":
                self.error, self.cause = self._told(state, "Error", document), self._told(state, "Cause", document)
                return document, None
        raise AslError(f"a state of type {kind} is not known here")

    @property
    def _context(self) -> dict[str, Any]:
        return {"Execution": {"Id": "arn:execution"}, "Task": {"Token": "token"}}

    def _at(self, path: str, document: Any) -> Any:
        return at(path, document, self._context)

    def _told(self, state: State, name: str, document: Any) -> str:
        if f"{name}Path" in state:
            return str(evaluated(state[f"{name}Path"], document, self._context))
        return str(state[name])

    # Tasks

    def _task(self, state: State, document: Any) -> tuple[Any, str | None]:
        resource = state["Resource"].partition(":states:::")[2]
        if resource not in self.hooks:
            raise AslError(f"nothing stands for {resource}")
        given = filled(state["Parameters"], document, self._context)
        failed: list[int] = []
        while True:
            try:
                result = self._within(state, self.hooks[resource], given)
            except TaskFailed as error:
                if self._retried(state, error, failed):
                    continue
                return self._caught(state, error, document)
            if "ResultSelector" in state:
                result = filled(state["ResultSelector"], result, self._context)
            return put(state.get("ResultPath", "$"), document, result), state.get("Next")

    def _within(self, state: State, hook: Hook, given: dict[str, Any]) -> Any:
        """A hook that waits says so to the clock; what came too late did not come."""
        begun = self.clock.now
        result = hook(given)
        if self.clock.now - begun > state["TimeoutSeconds"]:
            self.clock.now = begun + state["TimeoutSeconds"]
            raise TaskFailed("States.Timeout")
        return result

    def _retried(self, state: State, error: TaskFailed, failed: list[int]) -> bool:
        for number, retrier in enumerate(state.get("Retry", ())):
            if unknown := retrier.keys() - {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate"}:
                raise AslError(f"a retrier with {sorted(unknown)} is not known here")
            if _means(retrier["ErrorEquals"], error.error):
                done = failed.count(number)
                if done >= retrier["MaxAttempts"]:
                    return False
                failed.append(number)
                self.clock.wait(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** done)
                return True
        return False

    def _caught(self, state: State, error: TaskFailed, document: Any) -> tuple[Any, str | None]:
        for catcher in state.get("Catch", ()):
            if _means(catcher["ErrorEquals"], error.error):
                return put(catcher.get("ResultPath", "$"), document, error.output), catcher["Next"]
        self.error, self.cause = error.error, error.cause or ""
        return document, None

    # Choices

    def _chosen(self, state: State, document: Any) -> str:
        for choice in state["Choices"]:
            condition = {name: value for name, value in choice.items() if name != "Next"}
            if self._holds(condition, document):
                return choice["Next"]
        if "Default" not in state:
            raise AslError("States.NoChoiceMatched")
        return state["Default"]

    def _holds(self, condition: Mapping[str, Any], document: Any) -> bool:
        match condition:
            case {"And": conditions, **rest} if not rest:
                return all(self._holds(one, document) for one in conditions)
            case {"Or": conditions, **rest} if not rest:
                return any(self._holds(one, document) for one in conditions)
            case {"Not": one, **rest} if not rest:
                return not self._holds(one, document)
        if len(condition) != 2:
            raise AslError(f"{condition} is no comparison")
        [(test, wanted)] = [(name, value) for name, value in condition.items() if name != "Variable"]
        if test == "IsPresent":
            try:
                self._at(condition["Variable"], document)
            except Missing:
                return not wanted
            return bool(wanted)
        value = self._at(condition["Variable"], document)
        if test.endswith("Path"):
            test, wanted = test.removesuffix("Path"), self._at(wanted, document)
        return _compared(test, value, wanted)


def _compared(test: str, value: Any, wanted: Any) -> bool:
    """A value of another type than the comparison's is not equal, and no error."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match test:
        case "StringEquals":
            return isinstance(value, str) and value == wanted
        case "StringMatches":
            if set(wanted) & set("?[]\\"):
                raise AslError(f"{wanted}: only * is known here")
            return isinstance(value, str) and fnmatchcase(value, wanted)
        case "IsString":
            return isinstance(value, str) is wanted
        case "BooleanEquals":
            return isinstance(value, bool) and value is wanted
        case "NumericEquals":
            return number and value == wanted
        case "NumericGreaterThan":
            return number and value > wanted
        case "NumericGreaterThanEquals":
            return number and value >= wanted
    raise AslError(f"{test} is not known here")


def _means(names: list[str], error: str) -> bool:
    """`States.TaskFailed` is any error but a time-out; `States.ALL` is any but what no catcher hears of."""
    if error == "States.Runtime":
        return False
    return error in names or "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
