"""Records of assigned partitions, from exactly the offsets asked for, in batches."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_log import settings
from kafka_log.failure import END_OF_PARTITION, ReadFailed, failure, partition_failure
from kafka_log.trouble import client_of
from migration_core.headers import Header, encode_headers
from migration_core.records import Received

log = logging.getLogger(__name__)

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Start:
    """The next record to read; with the epoch under which the record before it was written, truncation shows."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int | None = None


@dataclass(slots=True)
class PartitionBatch:
    """What one read found in one partition, in order of offsets; gaps between offsets are normal."""

    topic: str
    partition: int
    records: list[Received] = field(default_factory=list)
    next_offset: int = 0
    """Where reading goes on behind this batch, derived from what it holds and never from the client's position."""
    leader_epoch: int | None = None
    """Of the last record."""
    at_end: int | None = None
    """The offset at which the partition ended behind these records: markers and aborted records count too."""


class LogReader:
    """One consumer with assigned partitions; nothing is committed to Kafka. Use from one thread.

    After any error close it and open another: what it had fetched already must not come after a new assignment.
    """

    def __init__(self, config: settings.Config) -> None:
        self._consumer = client_of(Consumer, settings.reading(config))
        self._positions: dict[tuple[str, int], int] = {}

    def assign(self, starts: Sequence[Start]) -> None:
        """Read these partitions; call it once."""
        self._positions = {(one.topic, one.partition): one.offset for one in starts}
        try:
            self._consumer.assign([TopicPartition(one.topic, one.partition, one.offset) for one in starts])
            for one in starts:
                # In librdkafka only a seek promises to validate the leader epoch.
                if one.leader_epoch is not None:
                    self._consumer.seek(
                        TopicPartition(one.topic, one.partition, one.offset, leader_epoch=one.leader_epoch)
                    )
        except KafkaException as error:
            raise failure(error, "assigning partitions") from error

    def read(self, max_records: int, timeout: float, *, max_bytes: int = 4 << 20) -> list[PartitionBatch]:
        """What has arrived, waiting up to `timeout` seconds for the first of it.

        Takes about `max_bytes` of values at most. Raises PartitionBroken or ReadFailed for a partition; what was read
        beside it is then lost here, so begin again from the stored offsets.
        """
        batches = _Batches(self._positions)
        try:
            # Asking for many at once would wait for all of them; for one and then for what is there, it does not.
            messages = self._consumer.consume(1, timeout)
            while messages:
                batches.take(cast("list[_Message]", messages))
                left = min(_AT_ONCE, max_records - batches.count)
                if left <= 0 or batches.size >= max_bytes:
                    break
                messages = self._consumer.consume(left, 0)
        except KafkaException as error:
            raise failure(error, "reading") from error
        found = list(batches.found.values())
        self._positions.update({(batch.topic, batch.partition): batch.next_offset for batch in found})
        return found

    def leave(self, topic: str, partition: int) -> None:
        """Read this partition no more."""
        self._consumer.incremental_unassign([TopicPartition(topic, partition)])

    def high(self, topic: str, partition: int) -> int | None:
        """The end of a partition as the last fetch saw it, without asking; None before the first."""
        known = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        return None if known is None or known[1] < 0 else known[1]

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()


class _Message(Protocol):
    """What librdkafka gives for a record; for an error, which comes the same way, all but that may be None."""

    def error(self) -> KafkaError | None: ...
    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def leader_epoch(self) -> int | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> list[Header] | None: ...
    def __len__(self) -> int: ...


class _Batches:
    def __init__(self, positions: dict[tuple[str, int], int]) -> None:
        self._positions = positions
        self.found: dict[tuple[str, int], PartitionBatch] = {}
        self.count = 0
        self.size = 0

    def take(self, messages: Iterable[_Message]) -> None:
        """Sort records into their partitions; runs of one partition are the usual case."""
        topic, partition, batch = "", -1, PartitionBatch("", -1)
        for message in messages:
            if (error := message.error()) is not None:
                self._event(message, error)
                continue
            if message.partition() != partition or message.topic() != topic:
                topic, partition = message.topic(), message.partition()
                batch = self._batch(topic, partition)
            offset = message.offset()
            if offset < batch.next_offset:
                raise ReadFailed(topic, partition, f"offset {offset} came where {batch.next_offset} was awaited")
            kind, time = message.timestamp()
            batch.records.append(
                Received(
                    offset,
                    message.key(),
                    message.value(),
                    encode_headers(message.headers()),
                    None if time == -1 else time,
                    kind,
                )
            )
            batch.next_offset = offset + 1
            batch.leader_epoch = message.leader_epoch()
            batch.at_end = None
            self.count += 1
            self.size += len(message)

    def _event(self, message: _Message, error: KafkaError) -> None:
        topic: str | None = message.topic()
        partition = message.partition()
        if topic is None:
            # It concerns no partition, and librdkafka goes on by itself: a coordinator that is not needed, for one.
            log.warning("kafka_trouble", extra={"reason": error.str()})
        elif error.code() == END_OF_PARTITION:
            batch = self._batch(topic, partition)
            if message.offset() >= batch.next_offset:  # a new leader may know of a lower end for a moment
                batch.next_offset = batch.at_end = message.offset()
        else:
            raise partition_failure(topic, partition, error)

    def _batch(self, topic: str, partition: int) -> PartitionBatch:
        found = self.found.get((topic, partition))
        if found is None:
            found = PartitionBatch(topic, partition, next_offset=self._positions[topic, partition])
            self.found[topic, partition] = found
        return found
