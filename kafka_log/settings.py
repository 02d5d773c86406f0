"""librdkafka's settings: what the guarantee forces, what serves speed and memory, what the user may add."""

import logging
from collections.abc import Mapping
from typing import Any

from kafka_log.msk_iam import signing
from kafka_log.trouble import Trouble
from migration_core.errors import ConfigError

log = logging.getLogger(__name__)

Config = Mapping[str, str]
"""librdkafka's names and values, as the user gave them."""

FORCED: dict[str, str] = {
    "allow.auto.create.topics": "false",
    "auto.offset.reset": "error",
    "check.crcs": "true",
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "enable.partition.eof": "true",
    "isolation.level": "read_committed",
}
"""Refused from outside: with other values records are lost or doubled without a word."""

_READING = {
    "group.id": "migration-master",  # never joined; librdkafka asks for one even when partitions are assigned
    "fetch.wait.max.ms": "100",
    "fetch.queue.backoff.ms": "5",  # the default of a second makes a pause each time the queue was full
    "fetch.max.bytes": str(1 << 20),  # as compressed: JSON may grow tenfold in memory
    "queued.min.messages": "10000",
    "queued.max.messages.kbytes": str(8 << 10),
}
_WRITING = {
    "acks": "all",
    "enable.idempotence": "true",
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java's producers do, so that keys keep their partitions
    "queue.buffering.max.kbytes": str(64 << 10),
}
_CONNECTION = (
    "api.version", "bootstrap.servers", "broker.", "client.", "connections.", "debug", "enable.sasl.",
    "enable.ssl.", "https.", "log", "metadata.", "reconnect.", "retry.", "sasl.", "security.", "socket.", "ssl.",
    "topic.metadata.",
)  # fmt: skip


class _ClientLog:
    """Takes librdkafka's own log lines as events with a constant name."""

    def log(self, level: int, _form: str, *parts: object) -> None:
        log.log(min(level, logging.WARNING), "kafka_client", extra={"text": " ".join(map(str, parts))})


def reading(config: Config) -> dict[str, Any]:
    """Of a consumer that reads exactly from where it is told to."""
    refused = sorted(FORCED.keys() & config.keys())
    if refused:
        raise ConfigError(f"Kafka settings that carry the guarantee cannot be set: {', '.join(refused)}")
    return {**_READING, **config, **FORCED, **_talking(config, Trouble())}


def writing(config: Config, *, transactional_id: str | None = None) -> dict[str, Any]:
    """Of a producer; settings that only concern consumers are left out."""
    own = {"transactional.id": transactional_id} if transactional_id else {}
    return {**_WRITING, **connecting(config), **own}


def connecting(config: Config, trouble: Trouble | None = None) -> dict[str, Any]:
    """What every client needs to reach the brokers; `trouble` hears of what concerns no request."""
    chosen = {name: value for name, value in config.items() if name.startswith(_CONNECTION)}
    return chosen | _talking(config, trouble or Trouble())


def _talking(config: Config, trouble: Trouble) -> dict[str, Any]:
    # Without an error callback, librdkafka hands errors that concern no partition out among the records.
    return {"logger": _ClientLog(), "error_cb": trouble.heard, **signing(config, trouble.refuse)}
