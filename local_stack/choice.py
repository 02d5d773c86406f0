"""Which servers the replay and the tests use: those that are named, Docker's, or native ones; one line says why."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self, cast

from local_stack.fetching import Say, say_on_stderr
from local_stack.process import Process, process_of
from local_stack.servers import ServerFailed, Servers
from local_stack.stack import SERVERS, LocalStack
from migration_core.errors import ConfigError

Way = Literal["given", "docker", "native"]

_GIVEN = ("TEST_MYSQL_URL", "TEST_KAFKA_BOOTSTRAP_SERVERS", "TEST_SQS_ENDPOINT")


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

            containers.stop(self.containers)
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
    if any(env.get(name) for name in _GIVEN):
        return Chosen(_given(env), "given", f"servers: given by {', '.join(_GIVEN)}", own)
    match env.get("STACK", ""):
        case "native":
            return _native(own, "STACK=native", say)
        case "docker":
            if against := _against_docker(env, say):
                raise ConfigError(f"STACK=docker, but {against}; start or install Docker, or leave STACK empty")
            return _docker(env, own, "STACK=docker", say)
        case "":
            return _found(env, own, say)
        case other:
            raise ConfigError(f"STACK={other}: write docker or native, or leave it empty")


def _found(env: Mapping[str, str], user: Process, say: Say) -> Chosen:
    if LocalStack().kept():
        return _native(user, "the local stack is up", say)
    against = _against_docker(env, say)
    if against is None:
        return _docker(env, user, "an engine answers and has the images", say)
    return _native(user, against, say)


def _docker(env: Mapping[str, str], user: Process, why: str, say: Say) -> Chosen:
    # Of the development environment only: the image of the services has neither the library nor an engine.
    from local_stack import containers  # noqa: PLC0415

    servers, ids = containers.start(env, user, say)
    return Chosen(servers, "docker", f"servers: Docker, because {why}", user, tuple(ids))


def _against_docker(env: Mapping[str, str], say: Say) -> str | None:
    try:
        from local_stack import containers  # noqa: PLC0415 - see _docker
    except ImportError:
        return "testcontainers is not installed"
    return containers.why_not(env, say)


def _native(user: Process, why: str, say: Say) -> Chosen:
    stack = LocalStack(say=say)
    try:
        servers = stack.up(user)
    except BaseException:
        stack.leave(user)
        raise
    return Chosen(servers, "native", f"servers: native, because {why}", user)


def _given(env: Mapping[str, str]) -> Servers:
    if missing := [name for name in _GIVEN if not env.get(name)]:
        raise ConfigError(f"some servers are given and others not; set {', '.join(missing)} too, or none")
    addresses = [env[name] for name in _GIVEN]
    versions = []
    for server, address in zip(SERVERS, addresses, strict=True):
        version = server.version(address)
        if version is None:
            raise ServerFailed(f"{server.title}: nothing answers at the address given")
        versions.append(version if server.name == "mysql" else "as given")
    mysql, kafka, sqs = addresses
    return Servers(mysql, kafka, sqs, *cast("tuple[str, str, str]", tuple(versions)), origin="given")
