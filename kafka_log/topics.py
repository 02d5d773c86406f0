"""Topics made, changed and removed: for the replay's source and for tests, never by the services."""

import time
from collections.abc import Mapping

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from kafka_log import settings
from kafka_log.failure import TopicMissing
from kafka_log.trouble import client_of
from kafka_log.watermarks import LogView, answer
from migration_core.errors import Transient

_ANSWER_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05
_ONE_LOOK_SECONDS = 3.0


class TopicAdmin:
    """Every method returns when the cluster has done it."""

    def __init__(self, config: settings.Config) -> None:
        self._config = config
        self._client = client_of(AdminClient, settings.connecting(config))

    def create(self, topic: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """A new topic, with the cluster's own number of copies."""
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=-1, config=dict(config or {}))
        asked = self._client.create_topics([wanted], operation_timeout=_ANSWER_SECONDS)
        answer(asked[topic], f"creating topic {topic!r}")
        self._await_leaders(topic, partitions)

    def delete(self, topic: str) -> None:
        """The topic with all its records; one that does not exist is fine."""
        asked = self._client.delete_topics([topic], operation_timeout=_ANSWER_SECONDS)
        try:
            answer(asked[topic], f"deleting topic {topic!r}")
        except TopicMissing:
            return

    def add_partitions(self, topic: str, total: int) -> None:
        """As many more partitions as make `total`."""
        asked = self._client.create_partitions([NewPartitions(topic, total)], operation_timeout=_ANSWER_SECONDS)
        answer(asked[topic], f"adding partitions to {topic!r}")
        self._await_leaders(topic, total)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Everything before offset `before`, as retention would."""
        asked = self._client.delete_records([TopicPartition(topic, partition, before)])
        for future in asked.values():
            answer(future, f"deleting records of {topic}[{partition}]")

    def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Set some of the topic's settings, the others stay."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        for future in self._client.incremental_alter_configs([resource]).values():
            answer(future, f"configuring topic {topic!r}")
        self._await_settings(topic, config)

    def _await_settings(self, topic: str, wanted: Mapping[str, str]) -> None:
        """The controller answers before the brokers know."""
        until = time.monotonic() + _ANSWER_SECONDS
        while True:
            (asked,) = self._client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
            found = answer(asked, f"reading the settings of topic {topic!r}")
            if all(found[name].value == value for name, value in wanted.items()):
                return
            if time.monotonic() > until:
                raise Transient(f"topic {topic!r} does not take its settings within {_ANSWER_SECONDS:g} s")
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _await_leaders(self, topic: str, partitions: int) -> None:
        """The controller answers before the brokers lead: only then can a partition be read and written."""
        places = [(topic, partition) for partition in range(partitions)]
        until = time.monotonic() + _ANSWER_SECONDS
        while True:
            # A new client each time: one that asked too early believes for half a minute that nobody leads.
            try:
                if len(LogView(self._config, answer_seconds=_ONE_LOOK_SECONDS).watermarks(places)) == partitions:
                    return
            except Transient:
                if time.monotonic() > until:
                    raise
            if time.monotonic() > until:
                raise Transient(f"topic {topic!r} has no leaders after {_ANSWER_SECONDS:g} s")
            time.sleep(_LOOK_AGAIN_SECONDS)
