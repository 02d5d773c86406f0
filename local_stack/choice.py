"""Which servers the replay and the tests use: those that are named, Docker's, or native ones; one line says why."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

from local_stack.fetching import Say, say_on_stderr
from local_stack.folders import cache_folder, stack_folder
from local_stack.process import Process, process_of
from local_stack.servers import ServerFailed, Servers
from local_stack.stack import SERVERS, LocalStack, why_not
from migration_core.errors import ConfigError

Way = Literal["given", "docker", "native"]

GIVEN = ("TEST_MYSQL_URL", "TEST_KAFKA_BOOTSTRAP_SERVERS", "TEST_SQS_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Servers that answer, and what has to be done when they are not needed any more."""

    servers: Servers
    way: Way
    why: str
    user: Process
    containers: tuple[str, ...] = ()

    def stop(self) -> None:
        """Stop what `choose` started; servers that ran before stay."""
        if self.way == "docker":
            from local_stack import containers  # noqa: PLC0415 - see _docker

            containers.remove(self.containers)
        elif self.way == "native":
            LocalStack().leave(self.user)

    def to_json(self) -> str:
        """For another process of the same session."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        kept = json.loads(text)
        kept |= {"servers": Servers(**kept["servers"]), "user": Process(**kept["user"])}
        return cls(**kept | {"containers": tuple(kept["containers"])})


def choose(env: Mapping[str, str] = os.environ, *, say: Say = say_on_stderr, user: Process | None = None) -> Chosen:
    """Servers for `user` (this process): started where they do not run, and gone once it has left."""
    own = user or process_of(os.getpid())
    way, reason = decide(env, say)
    match way:
        case "given":
            return Chosen(_given(env), way, f"servers: those of {', '.join(GIVEN)}", own)
        case "docker":
            # Of the development environment only: the image of the services has neither the library nor an engine.
            from local_stack.containers import ContainerStack  # noqa: PLC0415

            containers = ContainerStack(env, user=own, say=say)
            return Chosen(containers.up(), way, f"servers: Docker, because {reason}", own, tuple(containers.ids))
        case "native":
            return Chosen(_native(env, own, say), way, f"servers: native, because {reason}", own)


def decide(env: Mapping[str, str], say: Say) -> tuple[Way, str]:
    """The way to servers, and why this one; ConfigError names the remedy when there is none."""
    if any(env.get(name) for name in GIVEN):
        return "given", "they are named"
    match env.get("STACK", ""):
        case "native":
            return "native", "STACK=native"
        case "docker":
            if against := _against_docker(env, say):
                raise ConfigError(f"STACK=docker, but {against}; start or install Docker, or leave STACK empty")
            return "docker", "STACK=docker"
        case "":
            return _found(env, say)
        case other:
            raise ConfigError(f"STACK={other}: write docker or native, or leave it empty")


def _found(env: Mapping[str, str], say: Say) -> tuple[Way, str]:
    if LocalStack(stack_folder(env)).kept():
        return "native", "the local stack is up"
    against_docker = _against_docker(env, say)
    if against_docker is None:
        return "docker", "an engine answers and has the images"
    if against_native := why_not():
        raise ConfigError(
            f"no servers: {against_docker}, and {against_native}; start Docker, or set {', '.join(GIVEN)}"
        )
    return "native", against_docker


def _against_docker(env: Mapping[str, str], say: Say) -> str | None:
    try:
        from local_stack import containers  # noqa: PLC0415 - see choose
    except ImportError:
        return "testcontainers is not installed"
    return containers.why_not(env, say)


def _native(env: Mapping[str, str], user: Process, say: Say) -> Servers:
    stack = LocalStack(stack_folder(env), cache=cache_folder(env), say=say)
    try:
        return stack.up(user)
    except BaseException:
        stack.leave(user)
        raise


def _given(env: Mapping[str, str]) -> Servers:
    if missing := [name for name in GIVEN if not env.get(name)]:
        raise ConfigError(f"some servers are given and others not; set {', '.join(missing)} too, or none")
    addresses = [env[name] for name in GIVEN]
    versions = [server.version(address) for server, address in zip(SERVERS, addresses, strict=True)]
    if silent := [server.title for server, version in zip(SERVERS, versions, strict=True) if version is None]:
        raise ServerFailed(f"nothing answers at the address given for {' and '.join(silent)}")
    # Only MySQL says which version it is.
    mysql, kafka, sqs = addresses
    return Servers(mysql, kafka, sqs, str(versions[0]), "as given", "as given", origin="given")
