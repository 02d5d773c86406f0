"""ElasticMQ, an SQS server, from Maven artifacts; what it holds is gone when it stops."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.request import urlopen

from local_stack.java import jars, java
from local_stack.server import Command, Place, first_line

VERSION = "1.7.1"
ARTIFACTS = (f"org.elasticmq:elasticmq-server_3:{VERSION}",)
_ANSWER_SECONDS = 2

_CONFIG = """\
include classpath("application.conf")
rest-sqs.bind-hostname = "127.0.0.1"
rest-sqs.bind-port = {sqs}
rest-stats.enabled = false
node-address {{ host = "127.0.0.1", port = {sqs} }}
"""
_CAUSE = re.compile(r"^(?:Caused by: |.*\bERROR\b +|Exception in thread \S+ )(.+)$", re.MULTILINE)


class ElasticMq:
    """On the loopback only, without queues: whoever needs one creates it."""

    name = "sqs"
    title = "SQS"
    ports = ("sqs",)

    def fetch(self, place: Place) -> None:
        """About 30 MB."""
        jars(place.cache, "elasticmq", ARTIFACTS, place.say)

    def prepare(self, place: Place, ports: Mapping[str, int]) -> Command:
        """Only a configuration: it keeps nothing on disk."""
        config = place.own / "elasticmq.conf"
        place.own.mkdir(parents=True, exist_ok=True)
        config.write_text(_CONFIG.format(**ports), encoding="utf-8")
        runtime = java(place.cache, place.say)
        return Command(
            [
                # The quick compiler only: the other one costs more in a short life than it ever gives back.
                runtime.program, "-Xmx256m", *runtime.options, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dconfig.file={config}",
                "-cp", f"{place.cache / 'elasticmq' / 'lib'}/*", "org.elasticmq.server.Main",
            ],
            runtime.env,
        )  # fmt: skip

    def version(self, address: str) -> str | None:
        """The version of the artifact, once the server says that it is well."""
        return VERSION if answers(address) else None

    def address(self, port: int, host: str = "127.0.0.1") -> str:
        """As the SDK's endpoint."""
        return f"http://{host}:{port}"

    def cause(self, log: str) -> str | None:
        """The first error or the first cause that a stack trace names."""
        return first_line(_CAUSE, log)


def answers(endpoint: str) -> bool:
    """Whether an ElasticMQ there says that it is well."""
    try:
        with urlopen(f"{endpoint}/health", timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - the caller names a server
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
