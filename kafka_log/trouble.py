"""What a client says of the way to its brokers beside its answers: a time-out alone does not tell a wrong password."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from migration_core.errors import ConfigError

log = logging.getLogger(__name__)

_REFUSED = frozenset({
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - the client's own codes begin with an underscore
    KafkaError._SSL,  # noqa: SLF001 - as above
})  # fmt: skip

C = TypeVar("C")


class Trouble:
    """Hears the errors that concern no request, and keeps the last one that trying again does not mend."""

    def __init__(self) -> None:
        self._refused = ""

    def heard(self, error: KafkaError) -> None:
        """The client's error callback."""
        log.warning("kafka_trouble", extra={"reason": str(error)})
        if error.code() in _REFUSED:
            self.refuse(error.str())

    def refuse(self, why: str) -> None:
        """Nothing works before somebody mends this."""
        self._refused = why

    def forget(self) -> None:
        """What was heard until now is no cause of what comes."""
        self._refused = ""

    def refusal(self, what: str) -> ConfigError | None:
        """What stands against any answer, if something does."""
        if not self._refused:
            return None
        return ConfigError(f"{what}: {self._refused}; mend KAFKA_SASL_… or KAFKA_SSL_…, or the user at the broker")


def client_of(kind: Callable[[dict[str, Any]], C], config: dict[str, Any]) -> C:
    """A client of this kind; ConfigError for settings that it does not take."""
    try:
        return kind(config)
    except KafkaException as error:
        cause = error.args[0] if error.args else None
        told = cause.str() if isinstance(cause, KafkaError) else str(error)
        raise ConfigError(f"Kafka settings: {told}") from error
