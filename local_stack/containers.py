"""The three servers as containers, through testcontainers."""

import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from docker.errors import DockerException, ImageNotFound, NotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host

from local_stack.elasticmq import ElasticMq
from local_stack.fetching import Say
from local_stack.folders import ROOT
from local_stack.kafka import Kafka, container_environment
from local_stack.mysql import PASSWORD, SETTINGS, MySql
from local_stack.ports import free_port
from local_stack.process import Process
from local_stack.server import Server
from local_stack.servers import ServerFailed, Servers

# The library's own clean-up is one more image to pull; ours needs none.
testcontainers_config.ryuk_disabled = True

_ENGINE_SECONDS = 5
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_PULL_SECONDS = 60
_LINE_SECONDS = 5.0
_ARRIVES_WITHIN_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_STOP_SECONDS = 30
_OWNER = "local-stack.owner"


@dataclass(frozen=True, slots=True)
class _Part:
    """One server, its container and its port on this machine."""

    server: Server
    container: DockerContainer
    outside: int

    def address(self) -> str:
        """Where clients on this machine find it."""
        return self.server.address(self.outside, self.container.get_container_host_ip())


def images(env: Mapping[str, str]) -> dict[str, str]:
    """The images by server, under the variables that docker-compose.yml reads too."""
    return {
        "mysql": env.get("MYSQL_IMAGE") or "mysql:9.7",
        "kafka": env.get("KAFKA_IMAGE") or "apache/kafka:4.3.1",
        "sqs": env.get("SQS_IMAGE") or "softwaremill/elasticmq-native:1.7.1",
    }


def why_not(env: Mapping[str, str], say: Say) -> str | None:
    """What stands against containers here, or None when an engine answers and all images are there."""
    try:
        _knock(get_docker_host() or _DEFAULT_HOST)
        engine = DockerClient(timeout=_ENGINE_SECONDS).client
        engine.ping()
    except (DockerException, OSError) as error:
        return f"no Docker engine answers ({_root_cause(error)})"
    try:
        for image in images(env).values():
            try:
                engine.images.get(image)
            except ImageNotFound:
                _pull(image, say)
    except (DockerException, OSError) as error:
        return f"{image} is not here and cannot be pulled ({_root_cause(error)})"
    finally:
        engine.close()
    return None


def _knock(host: str) -> None:
    """Connect by hand first: where nobody listens, the library forgets to close its socket. Raises OSError."""
    kind, _, path = host.partition("://")
    if kind == "unix":
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(_ENGINE_SECONDS)
            knocking.connect(path)


class ContainerStack:
    """One set of servers with ports of its own, the same ones after a restart; gone when it is reset."""

    def __init__(self, env: Mapping[str, str], *, user: Process, say: Say) -> None:
        self._say = say
        self._user = user
        chosen = images(env)
        parts = (_mysql(chosen["mysql"]), _kafka(chosen["kafka"]), _sqs(chosen["sqs"]))
        self._parts = {part.server.name: part for part in parts}
        self.ids: list[str] = []

    def up(self) -> Servers:
        """All three, ready for clients; when one fails, none is left."""
        _remove_orphans(self._user)
        self._say("starting MySQL, Kafka and SQS in containers")
        try:
            for part in self._parts.values():
                part.container.with_kwargs(labels={_OWNER: f"{self._user.pid} {self._user.began}"}).start()
                self.ids.append(part.container.get_container_id())
            with ThreadPoolExecutor() as together:
                versions = dict(zip(self._parts, together.map(_arrived, self._parts.values()), strict=True))
        except BaseException:
            self.reset()
            raise
        mysql, kafka, sqs = (part.address() for part in self._parts.values())
        return Servers(mysql, kafka, sqs, versions["mysql"], versions["kafka"], versions["sqs"], origin="Docker")

    def start(self, name: str) -> None:
        """One server, as it was; returns when it answers."""
        self._parts[name].container.get_wrapped_container().start()
        _arrived(self._parts[name])

    def stop(self, name: str) -> None:
        """One server, in good order."""
        self._parts[name].container.get_wrapped_container().stop(timeout=_STOP_SECONDS)

    def kill(self, name: str) -> None:
        """One server, as a power cut would."""
        self._parts[name].container.get_wrapped_container().kill()

    def restart(self, name: str, *, kill: bool = False) -> None:
        """Stop or kill one server, and start it again at the same port."""
        (self.kill if kill else self.stop)(name)
        self.start(name)

    def reset(self) -> None:
        """Remove the servers with what they stored."""
        remove(self.ids)
        self.ids.clear()


def remove(containers: Sequence[str]) -> None:
    """Remove these containers with what they stored; one that is gone is fine."""
    engine = DockerClient().client
    try:
        for container in containers:
            _remove(engine, container)
    finally:
        engine.close()


def _mysql(image: str) -> _Part:
    container = DockerContainer(image).with_env("MYSQL_ROOT_PASSWORD", PASSWORD).with_command(list(SETTINGS))
    return _Part(MySql(), container, _bound(container, 3306))


def _kafka(image: str) -> _Part:
    container, port = DockerContainer(image), free_port()
    # Clients go where the broker says that it is, so the port is the same inside and outside.
    for name, value in container_environment(container.get_docker_client().host(), port).items():
        container.with_env(name, value)
    container.with_bind_ports(port, port)
    return _Part(Kafka(), container, port)


def _sqs(image: str) -> _Part:
    container = DockerContainer(image)
    container.with_copy_into_container(ROOT / "docker" / "elasticmq.conf", "/opt/elasticmq.conf")
    return _Part(ElasticMq(), container, _bound(container, 9324))


def _bound(container: DockerContainer, inside: int) -> int:
    """A port that stays the same when the container is started again, as an ephemeral one would not."""
    outside = free_port()
    container.with_bind_ports(inside, outside)
    return outside


def _arrived(part: _Part) -> str:
    """Its version, once it answers."""
    container, server = part.container, part.server
    until = time.monotonic() + _ARRIVES_WITHIN_SECONDS
    while (version := server.version(part.address())) is None:
        container.reload()
        if container.status == "exited" or time.monotonic() > until:
            said = b"".join(container.get_logs()).decode("utf-8", errors="replace")
            cause = server.cause(said) or _one_line(said)
            raise ServerFailed(f"{server.title} in its container ({container.status}): {cause}")
        time.sleep(_LOOK_SECONDS)
    return version


def _pull(image: str, say: Say) -> None:
    engine = DockerClient(timeout=_PULL_SECONDS).client
    repository, _, tag = image.rpartition(":")
    told = time.monotonic()
    say(f"pulling {image}")
    try:
        for event in engine.api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in event:
                raise DockerException(event["error"])
            if time.monotonic() - told > _LINE_SECONDS:
                told = time.monotonic()
                say(f"  {image}: {event.get('status', '')} {event.get('progress', '')}".rstrip())
    finally:
        engine.close()


def _remove_orphans(owner: Process) -> None:
    """Containers of sessions on this machine that were killed before they could remove them."""
    engine = DockerClient().client
    try:
        for container in engine.containers.list(all=True, filters={"label": _OWNER}):
            pid, _, began = container.labels[_OWNER].partition(" ")
            if _boot(began) == _boot(owner.began) and not Process(int(pid), began).alive():
                _remove(engine, container.id)
    finally:
        engine.close()


def _boot(began: str) -> str:
    """Other boots are other machines that share the engine; nothing is known of their processes."""
    return began.partition("/")[0]


def _remove(engine: Any, container: str) -> None:  # noqa: ANN401 - the SDK has no types
    try:
        engine.api.remove_container(container, v=True, force=True)
    except NotFound:
        return


def _root_cause(error: BaseException) -> str:
    """What the system said, "Permission denied" and the like, under all that libraries have wrapped around it."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__cause__ or found.__context__
    return _one_line(error)


def _one_line(said: object) -> str:
    lines = [line.strip() for line in str(said).splitlines() if line.strip()]
    return lines[-1] if lines else type(said).__name__
