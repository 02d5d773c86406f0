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
from testcontainers.core.docker_client import DockerClient

from local_stack.elasticmq import ElasticMq
from local_stack.fetching import Say
from local_stack.folders import ROOT
from local_stack.kafka import Kafka
from local_stack.mysql import PASSWORD, SETTINGS, MySql
from local_stack.process import Process
from local_stack.server import Server
from local_stack.servers import ServerFailed, Servers

# The library's own clean-up is one more image to pull; ours needs none.
testcontainers_config.ryuk_disabled = True

_ENGINE_SECONDS = 5
_PULL_SECONDS = 60
_LINE_SECONDS = 5.0
_ARRIVES_WITHIN_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_OWNER = "local-stack.owner"


@dataclass(frozen=True, slots=True)
class _Part:
    """One server, its container and the port inside."""

    server: Server
    container: DockerContainer
    port: int


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
        engine = DockerClient(timeout=_ENGINE_SECONDS).client
        engine.ping()
    except (DockerException, OSError) as error:
        return f"no Docker engine answers: {_one_line(error)}"
    try:
        for image in images(env).values():
            try:
                engine.images.get(image)
            except ImageNotFound:
                _pull(image, say)
    except (DockerException, OSError) as error:
        return f"{image} is not here and cannot be pulled: {_one_line(error)}"
    finally:
        engine.close()
    return None


def start(env: Mapping[str, str], owner: Process, say: Say) -> tuple[Servers, list[str]]:
    """All three, ready for clients, and the containers' ids; when one fails, none is left."""
    _remove_orphans(owner)
    say("starting MySQL, Kafka and SQS in containers")
    chosen = images(env)
    parts = [_mysql(chosen["mysql"], owner), _kafka(chosen["kafka"], owner), _sqs(chosen["sqs"], owner)]
    try:
        for part in parts:
            part.container.start()
        with ThreadPoolExecutor() as together:
            mysql, kafka, sqs = together.map(_arrived, parts)
    except BaseException:
        stop([part.container.get_container_id() for part in parts if part.container._container])  # noqa: SLF001
        raise
    versions = {
        f"{part.server.name}_version": version for part, (_, version) in zip(parts, (mysql, kafka, sqs), strict=True)
    }
    servers = Servers(mysql[0], kafka[0], sqs[0], **versions, origin="Docker")
    return servers, [part.container.get_container_id() for part in parts]


def stop(containers: Sequence[str]) -> None:
    """Remove these containers with what they stored; one that is gone is fine."""
    engine = DockerClient().client
    try:
        for container in containers:
            _remove(engine, container)
    finally:
        engine.close()


def _mysql(image: str, owner: Process) -> _Part:
    container = _labelled(image, owner).with_env("MYSQL_ROOT_PASSWORD", PASSWORD).with_command(list(SETTINGS))
    return _Part(MySql(), container.with_exposed_ports(3306), 3306)


def _kafka(image: str, owner: Process) -> _Part:
    container = _labelled(image, owner)
    # Clients go where the broker says it is, so its port must be known before it starts.
    port, host = _free_port(), container.get_docker_client().host()
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://{host}:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "TRANSACTION_STATE_LOG_NUM_PARTITIONS": "1",
        "SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    for name, value in settings.items():
        container.with_env(f"KAFKA_{name}", value)
    container.with_env("KAFKA_HEAP_OPTS", "-Xmx1g").with_bind_ports(port, port)
    return _Part(Kafka(), container, port)


def _sqs(image: str, owner: Process) -> _Part:
    container = _labelled(image, owner).with_exposed_ports(9324)
    container.with_copy_into_container(ROOT / "docker" / "elasticmq.conf", "/opt/elasticmq.conf")
    return _Part(ElasticMq(), container, 9324)


def _labelled(image: str, owner: Process) -> DockerContainer:
    return DockerContainer(image).with_kwargs(labels={_OWNER: f"{owner.pid} {owner.began}"})


def _arrived(part: _Part) -> tuple[str, str]:
    """Its address and version."""
    container, server = part.container, part.server
    address = server.address(container.get_exposed_port(part.port), container.get_container_host_ip())
    until = time.monotonic() + _ARRIVES_WITHIN_SECONDS
    while (version := server.version(address)) is None:
        container.reload()
        if container.status == "exited" or time.monotonic() > until:
            said = b"".join(container.get_logs()).decode("utf-8", errors="replace")
            cause = server.cause(said) or _one_line(said)
            raise ServerFailed(f"{server.title} in its container {container.status}: {cause}")
        time.sleep(_LOOK_SECONDS)
    return address, version


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _one_line(said: object) -> str:
    lines = [line.strip() for line in str(said).splitlines() if line.strip()]
    return lines[-1] if lines else type(said).__name__
