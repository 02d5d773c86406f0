"""Each error of the client asks for one thing."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from kafka_log.failure import PartitionBroken, ReadFailed, TopicMissing, failure, partition_failure
from migration_core.errors import ConfigError, Halted, MigrationError, Transient


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (KafkaError._AUTO_OFFSET_RESET, PartitionBroken),  # the client stops fetching after saying it once
        (KafkaError._LOG_TRUNCATION, PartitionBroken),
        (KafkaError.OFFSET_OUT_OF_RANGE, PartitionBroken),
        (KafkaError._BAD_MSG, ReadFailed),  # the client goes on behind the damaged records
        (KafkaError.UNKNOWN_TOPIC_OR_PART, ReadFailed),  # whether the topic is gone, the cluster is asked
        (KafkaError._TRANSPORT, ReadFailed),
    ],
)
def test_an_error_of_a_partition_is_never_ignored(code, meaning):
    found = partition_failure("users", 3, KafkaError(code))

    assert type(found) is meaning
    assert str(found).startswith("users[3]: ")


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ConfigError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, TopicMissing),
        (KafkaError._TRANSPORT, Transient),
        (KafkaError._TIMED_OUT, Transient),
        (KafkaError.NOT_LEADER_FOR_PARTITION, Transient),
    ],
)
def test_an_error_of_a_request_says_what_the_caller_must_do(code, meaning):
    assert type(failure(KafkaException(KafkaError(code)), "asking")) is meaning


def test_a_lost_position_needs_a_person_and_a_failed_read_does_not():
    assert issubclass(PartitionBroken, Halted)
    assert issubclass(ReadFailed, Transient)
    assert issubclass(TopicMissing, MigrationError)
