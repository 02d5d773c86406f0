"""One Kafka broker that is its own controller, from Maven artifacts."""

import re
import shutil
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from os import environ
from pathlib import Path

from kafka_log.watermarks import LogView
from local_stack.java import jars, java
from local_stack.server import Command, Place, first_line
from local_stack.servers import ServerFailed
from migration_core.errors import MigrationError

VERSION = "4.3.1"
ARTIFACTS = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    f"org.apache.kafka:kafka-tools:{VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
    "org.apache.logging.log4j:log4j-core:2.25.1",
)

_ANSWER_SECONDS = 2.0
_MEMORY = "768m"
_ONE_BROKER = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A topic that is misspelt must be an error, not a new topic.
    "auto.create.topics.enable": "false",
}
_LOGGING = """\
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
"""
_CAUSE = re.compile(r"^(?:Caused by: |\S+ \S+ (?:FATAL|ERROR) |Exception in thread \S+ )(.+)$", re.MULTILINE)


class Kafka:
    """On the loopback only; topics are made by whoever needs them."""

    name = "kafka"
    title = "Kafka"
    ports = ("kafka", "controller")

    def fetch(self, place: Place) -> None:
        """About 140 MB."""
        jars(place.cache, "kafka", ARTIFACTS, place.say)

    def prepare(self, place: Place, ports: Mapping[str, int]) -> Command:
        """A formatted log where there is none."""
        properties, data = place.own / "kafka.properties", place.own / "data"
        place.own.mkdir(parents=True, exist_ok=True)
        settings = _ONE_BROKER | {
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports['controller']}",
            "listeners": f"PLAINTEXT://127.0.0.1:{ports['kafka']},CONTROLLER://127.0.0.1:{ports['controller']}",
            "log.dirs": _escaped(data),
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        properties.write_text(lines, encoding="latin-1")
        (place.own / "log4j2.properties").write_text(_LOGGING, encoding="latin-1")
        if not (data / "meta.properties").exists():
            self._format(place, properties, data)
        return self._java(place, f"-Xmx{_MEMORY}", "kafka.Kafka", str(properties))

    def version(self, address: str) -> str | None:
        """The version of the artifacts, once the broker has a leader for its metadata and answers."""
        return VERSION if answers(address) else None

    def address(self, port: int, host: str = "127.0.0.1") -> str:
        """As `bootstrap.servers`."""
        return f"{host}:{port}"

    def cause(self, log: str) -> str | None:
        """The first error or the first cause that a stack trace names."""
        return first_line(_CAUSE, log)

    def _format(self, place: Place, properties: Path, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        cluster = cluster_id(uuid.uuid4())
        command = self._java(
            place, "-Xmx256m", "kafka.tools.StorageTool",
            "format", "--standalone", "--ignore-formatted", "-c", str(properties), "-t", cluster,
        )  # fmt: skip
        made = subprocess.run(
            command.arguments, check=False, capture_output=True, text=True, env={**environ, **command.env}
        )
        if made.returncode:
            said = made.stderr + made.stdout
            raise ServerFailed(f"Kafka could not format {data}: {first_line(_CAUSE, said) or said[-200:]}")

    @staticmethod
    def _java(place: Place, memory: str, *arguments: str) -> Command:
        runtime = java(place.cache, place.say)
        return Command(
            [
                runtime.program, memory, *runtime.options, "-XX:+UseG1GC",
                f"-Dlog4j2.configurationFile={(place.own / 'log4j2.properties').as_uri()}",
                "-cp", f"{place.cache / 'kafka' / 'lib'}/*", *arguments,
            ],
            runtime.env,
        )  # fmt: skip


def cluster_id(made: uuid.UUID) -> str:
    """As Kafka writes it; it makes none that begins with a dash either, which would pass for an option."""
    return "A" + urlsafe_b64encode(made.bytes).decode().rstrip("=")[1:]


def container_environment(host: str, port: int) -> dict[str, str]:
    """The same settings for the image: any one of these variables replaces all of the image's own."""
    settings = _ONE_BROKER | {
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    return variables | {"KAFKA_HEAP_OPTS": f"-Xmx{_MEMORY}"}


def answers(bootstrap: str) -> bool:
    """Whether the cluster there answers a question about its topics."""
    host, _, port = bootstrap.rpartition(":")
    try:
        # First by hand: the client would log, again and again, that a server that starts is not there yet.
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
        LogView({"bootstrap.servers": bootstrap}, answer_seconds=_ANSWER_SECONDS).check()
    except (OSError, MigrationError):
        return False
    return True


def _escaped(path: Path) -> str:
    """As a value in a properties file, which is Latin-1 and knows backslashes."""
    text = str(path).replace("\\", "\\\\")
    return "".join(sign if ord(sign) < 0x80 else f"\\u{ord(sign):04x}" for sign in text)  # noqa: PLR2004 - ASCII
