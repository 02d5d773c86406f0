"""A deployed template on the local stack: its tasks run as processes, told what their definitions tell them."""

import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from replay.children import Child, Children
from tests.asl.machine import Clock, Execution, TaskFailed
from tests.asl.paths import AslError
from tests.integration.forked import ForkedChildren
from tests.unit.deployed import Template

SNAPSHOT = "/snapshot"
_NO_TLS_HERE = ("DATABASE_CA",)
Variables = Mapping[str, str]


@dataclass(frozen=True)
class Ran:
    """One task that ended."""

    task: str
    words: tuple[str, ...]
    code: int | None
    """None where it never began."""


@dataclass
class Deployment:
    """The template's tasks and services, with what the local stack has in the place of what AWS would fill in."""

    template: Template
    local: Variables
    """The values of variables that name servers and files."""
    folder: Path
    """In the place of the volume at /snapshot."""
    logs: Path
    answer: Callable[[str], Any] = field(default_factory=lambda: _nobody_answers)
    """A person's answer to a message that waits for one."""
    instead: dict[str, str] = field(default_factory=dict)
    """{a word of a command: the word that it is run with}."""
    ran: list[Ran] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    desired: Counter[str] = field(default_factory=Counter)
    """{kind of service: how many shall run}."""
    scaling: list[dict[str, Any]] = field(default_factory=list)
    children: Children = field(init=False)
    clock: Clock = field(default_factory=Clock)
    at_task: Callable[[str, tuple[str, ...]], Variables | TaskFailed] = field(default_factory=lambda: _spared)
    """What a task is told beside, or how it does not even begin."""

    def __post_init__(self) -> None:
        self.children = ForkedChildren({}, self.logs)

    # Machines

    def execute(self, name: str, given: Any = None) -> Execution:
        """Run the machine of this name to its end."""
        self.clock = Clock()
        hooks = {
            "ecs:runTask.sync": self._run_task,
            "aws-sdk:ecs:updateService": self._update_service,
            "aws-sdk:ecs:describeServices": self._describe_services,
            "aws-sdk:applicationautoscaling:registerScalableTarget": self._register,
            "aws-sdk:sns:publish": lambda message: self.messages.append(message["Message"]),
            "sns:publish.waitForTaskToken": self._ask,
        }
        execution = Execution(self.definition(name), hooks, self.clock)
        execution.run(given)
        return execution

    def definition(self, name: str) -> dict[str, Any]:
        """The machine with logical ids in the place of what the stack makes."""
        machines = self.template.all("AWS::StepFunctions::StateMachine")
        [machine] = [one for key, one in machines.items() if key.startswith(name)]
        meant = {key: _logical(value) for key, value in machine["DefinitionSubstitutions"].items()}
        found: dict[str, Any] = json.loads(
            re.sub(r"\$\{(\w+)\}", lambda one: meant[one[1]], machine["DefinitionString"])
        )
        return found

    # Tasks

    def environment(self, task: str) -> dict[str, str]:
        """Every variable that the definition sets, and none besides but where AWS's services are here."""
        container = self.template.container(task)
        found = {one["Name"]: one["Value"] for one in container.get("Environment", ())}
        found |= {one["Name"]: None for one in container.get("Secrets", ())}
        found = {name: self.local.get(name, value) for name, value in found.items() if name not in _NO_TLS_HERE}
        strange = sorted(name for name, value in found.items() if not isinstance(value, str))
        if strange:
            raise AslError(f"{task} is told {strange}, and nothing here stands for them")
        return found | {name: value for name, value in self.local.items() if name.startswith("AWS_ENDPOINT_URL_")}

    def begin(self, task: str, words: tuple[str, ...] = (), **variables: str) -> Child:
        """Start the container's command, or these words, as a process."""
        command = words or tuple(self.template.container(task)["Command"])
        here = [re.sub(rf"(^|=){SNAPSHOT}\b", rf"\g<1>{self.folder}", self.instead.get(word, word)) for word in command]
        told = self.environment(task) | variables
        return self.children.start(f"{task}-{len(self.ran)}-{len(self.children.running)}", *here, **told)

    def stop(self) -> None:
        """End what still runs."""
        self.children.stop()

    def _run_task(self, given: dict[str, Any]) -> dict[str, Any]:
        task = self._task_of(given)
        [override] = given.get("Overrides", {"ContainerOverrides": [{}]})["ContainerOverrides"]
        if override.keys() - {"Name", "Command"} or override.get("Name", "main") != "main":
            raise AslError(f"{override} is not known here")
        words = tuple(override.get("Command", self.template.container(task)["Command"]))
        fate = self.at_task(task, words)
        if isinstance(fate, TaskFailed):
            self.ran.append(Ran(task, words, None))
            raise fate
        child = self.begin(task, words, **fate)
        code = child.process.wait(120)
        self.children.stop(child)
        code = 128 - code if code < 0 else code
        self.ran.append(Ran(task, words, code))
        return _described(task, code)

    def _task_of(self, given: dict[str, Any]) -> str:
        """The kind of task; what it is run with must be its own and nothing else."""
        definitions = self.template.all("AWS::ECS::TaskDefinition")
        kind = definitions[given["TaskDefinition"]]["Family"].removeprefix(f"{self.template.name}-")
        place = given["NetworkConfiguration"]["AwsvpcConfiguration"]
        [group] = place["SecurityGroups"]
        if not group.lower().startswith(f"{kind}group") or place["AssignPublicIp"] != "DISABLED":
            raise AslError(f"{kind} is run at {place}")
        if given["LaunchType"] != "FARGATE" or given.keys() - _OF_RUN_TASK:
            raise AslError(f"{given} is not known here")
        return kind

    # Services

    def _update_service(self, given: dict[str, Any]) -> dict[str, Any]:
        kind = self._service(given["Service"])
        self.desired[kind] = given["DesiredCount"]
        running = [child for child in self.children.running if child.name.startswith(f"{kind}-")]
        for _ in range(given["DesiredCount"] - len(running)):
            self.begin(kind, HTTP_PORT="0")
        return {}

    def _describe_services(self, given: dict[str, Any]) -> dict[str, Any]:
        def running(kind: str) -> int:
            own = [child for child in self.children.running if child.name.startswith(f"{kind}-")]
            return sum(child.process.poll() is None for child in own)

        return {"Services": [{"RunningCount": running(self._service(name))} for name in given["Services"]]}

    def _service(self, name: str) -> str:
        definitions = self.template.all("AWS::ECS::TaskDefinition")
        defined = self.template.all("AWS::ECS::Service")[name]["TaskDefinition"]["Ref"]
        return definitions[defined]["Family"].removeprefix(f"{self.template.name}-")

    def _register(self, given: dict[str, Any]) -> dict[str, Any]:
        self.scaling.append(given)
        return {}

    def _ask(self, given: dict[str, Any]) -> Any:
        self.messages.append(given["Message"])
        return self.answer(given["Message"])


_OF_RUN_TASK = {"Cluster", "TaskDefinition", "LaunchType", "NetworkConfiguration", "Overrides"}


def _logical(value: Any) -> str:
    match value:
        case str():
            return value
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return name
    raise AslError(f"{value} is not known here")


def _described(task: str, code: int) -> dict[str, Any]:
    """A stopped task as `.sync` hands it on: a code other than 0 fails it, and `Cause` is the description as text."""
    container = {"ContainerArn": f"arn:{task}", "ExitCode": code, "LastStatus": "STOPPED", "Name": "main"}
    found = {
        "Containers": [container],
        "LastStatus": "STOPPED",
        "StopCode": "EssentialContainerExited",
        "StoppedReason": "Essential container in task exited",
    }
    if code:
        raise TaskFailed("States.TaskFailed", json.dumps(found))
    return found


def local_values(url: str, environment: Variables) -> dict[str, str]:
    """What the local stack has for variables that AWS fills in; `url` is the control schema's."""
    parsed = make_url(url)
    database = {
        "DATABASE_HOST": parsed.host or "",
        "DATABASE_PORT": str(parsed.port),
        "DATABASE_NAME": parsed.database or "",
        "DATABASE_USER": parsed.username or "",
        "DATABASE_PASSWORD": parsed.password or "",
    }
    kafka = dict.fromkeys(("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"), "")
    kafka["KAFKA_SECURITY_PROTOCOL"] = "PLAINTEXT"
    hooks = {f"CUTOVER_{name}_HOOK": "true" for name in ("FREEZE", "UNFREEZE", "SWITCH", "SWITCH_BACK")}
    return {
        **hooks,
        **{name: value for name, value in environment.items() if name != "DATABASE_URL"},
        **database,
        **kafka,
    }


def _nobody_answers(_message: str) -> Any:
    raise AslError("nobody was expected to be asked")


def _spared(_task: str, _words: tuple[str, ...]) -> Variables:
    return {}


def killed_at(step: str) -> Variables:
    """Variables of a program that dies by `kill -9` there."""
    return {"MIGRATION_FAILPOINTS": f"{step}:1:kill"}


KILLED = 128 + signal.SIGKILL
