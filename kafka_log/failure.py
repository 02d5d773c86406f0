"""What librdkafka's errors mean for the program, sorted once."""

from confluent_kafka import KafkaError, KafkaException

from migration_core.errors import ConfigError, Halted, MigrationError, Transient

_NO_RIGHT = frozenset({
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
})  # fmt: skip
_NO_TOPIC = frozenset({
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the client's own codes begin with an underscore
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - as above
})  # fmt: skip
END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001 - as above
# After one of these, librdkafka never fetches the partition again, and says so only once.
_POSITION_LOST = frozenset({
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - as above
    KafkaError._LOG_TRUNCATION,  # noqa: SLF001 - as above
    KafkaError.OFFSET_OUT_OF_RANGE,
})  # fmt: skip


_DAMAGED = frozenset({
    KafkaError._BAD_COMPRESSION,  # noqa: SLF001 - as above
    KafkaError._BAD_MSG,  # noqa: SLF001 - as above
    KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001 - a codec that this client lacks
    KafkaError.INVALID_MSG,
})  # fmt: skip


class PartitionBroken(Halted):
    """The position asked for is not in the log any more, or holds other records than before."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        super().__init__(f"{topic}[{partition}]: {reason}")
        self.topic = topic
        self.partition = partition
        self.reason = reason


class ReadFailed(Transient):
    """One partition could not be read here: begin again from the stored offset, or a record would be skipped."""

    def __init__(self, topic: str, partition: int, reason: str, *, damaged: bool = False) -> None:
        super().__init__(f"{topic}[{partition}]: {reason}")
        self.topic = topic
        self.partition = partition
        self.reason = reason
        self.damaged = damaged
        """Whether the records themselves are the cause: then trying again for ever helps nobody."""


class TopicMissing(Halted):
    """A topic that the cluster does not have, or not any more."""


def partition_failure(topic: str, partition: int, error: KafkaError) -> MigrationError:
    """An error that came among the records of one partition.

    None of them may be ignored: after a wrong checksum, for one, librdkafka goes on behind the damaged records.
    """
    if error.code() in _POSITION_LOST:
        return PartitionBroken(topic, partition, error.str())
    return ReadFailed(topic, partition, error.str(), damaged=error.code() in _DAMAGED)


def failure(error: KafkaException, what: str) -> MigrationError:
    """An error of a whole request."""
    cause = error.args[0] if error.args else None
    if not isinstance(cause, KafkaError):
        return Transient(f"{what}: {error}")
    if cause.code() in _NO_RIGHT:
        return ConfigError(f"{what}: {cause.str()}; grant it to the user of this program")
    if cause.code() in _NO_TOPIC:
        return TopicMissing(f"{what}: {cause.str()}")
    return Transient(f"{what}: {cause.str()}")
