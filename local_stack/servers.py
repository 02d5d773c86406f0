"""Where three servers are and what they are, however they were started."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from migration_core.errors import MigrationError

MYSQL_AT_LEAST = (9, 7)


class ServerFailed(MigrationError):
    """A server could not be started, or died; the message says in one line why and where its log is."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses that a client on this machine can use, and the versions that answer there."""

    mysql_url: str
    kafka_bootstrap: str
    sqs_endpoint: str
    mysql_version: str
    kafka_version: str
    sqs_version: str
    origin: str

    def lines(self) -> list[str]:
        """For a person: one line a server."""
        return [
            f"MySQL      {self.mysql_version:<12} {self.mysql_url}",
            f"Kafka      {self.kafka_version:<12} {self.kafka_bootstrap}",
            f"SQS        {self.sqs_version:<12} {self.sqs_endpoint}",
        ]

    def environment(self) -> dict[str, str]:
        """The variables with which tests find these servers."""
        return {
            "TEST_MYSQL_URL": self.mysql_url,
            "TEST_KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap,
            "TEST_SQS_ENDPOINT": self.sqs_endpoint,
        }

    def to_json(self) -> str:
        """As one line that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        return cls(**json.loads(text))
