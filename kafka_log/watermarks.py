"""What the cluster says of topics: identity, partitions, first and last offsets, how long records are kept."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from kafka_log import settings
from kafka_log.failure import TopicMissing, failure
from kafka_log.trouble import Trouble, client_of
from migration_core.errors import Transient

T = TypeVar("T")
Partition = tuple[str, int]
"""(topic, partition)."""

_ANSWER_SECONDS = 10.0
_REFUSED_WITHIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """One topic as it is now; a topic made anew under the same name has another id."""

    topic: str
    topic_id: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where one partition begins and ends."""

    low: int
    """The first offset that is still there."""
    high: int
    """One past the last record, committed or not."""
    last_stable: int
    """Behind it lie records of transactions that are still open; readers of committed records stop here."""
    leader_epoch: int | None


@dataclass(frozen=True, slots=True)
class Retention:
    """How records of one topic vanish."""

    compacted: bool
    kept: timedelta | None
    """None is for ever."""
    tombstones_kept: timedelta
    bytes_kept: int | None = None
    """Per partition, whatever the age; None is any number."""


@dataclass(frozen=True, slots=True)
class CapturedOffset:
    """One element of the offset vector that a snapshot begins with."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    leader_epoch: int | None


class LogView:
    """Questions to the cluster that change nothing there."""

    def __init__(self, config: settings.Config, *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self._trouble = Trouble()
        self._client = client_of(AdminClient, settings.connecting(config, self._trouble))
        self._seconds = answer_seconds

    def check(self) -> None:
        """Raises when no broker answers."""
        self._listed("asking for the cluster's metadata")

    def topics(self) -> set[str]:
        """The names of all topics."""
        return self._listed("listing topics")

    def describe(self, topics: Iterable[str]) -> dict[str, TopicDescription]:
        """The topics that exist, by name."""
        names = sorted(set(topics))
        if not names:
            return {}
        asked = self._client.describe_topics(TopicCollection(names), request_timeout=self._seconds)
        found = {}
        for name, future in asked.items():
            try:
                found_one = self._answer(future, f"describing topic {name!r}")
            except TopicMissing:
                continue
            partitions = tuple(sorted(partition.id for partition in found_one.partitions))
            found[name] = TopicDescription(name, str(found_one.topic_id), partitions)
        return found

    def rights(self, topics: Iterable[str]) -> dict[str, frozenset[str]]:
        """What this client may do with each topic, in Kafka's words; absent where the broker does not tell."""
        names = sorted(set(topics))
        if not names:
            return {}
        asked = self._client.describe_topics(
            TopicCollection(names), include_authorized_operations=True, request_timeout=self._seconds
        )
        found = {}
        for name, future in asked.items():
            try:
                operations = self._answer(future, f"asking for the rights on topic {name!r}").authorized_operations
            except TopicMissing:
                continue
            if operations is not None:
                found[name] = frozenset(one.name for one in operations)
        return found

    def watermarks(self, partitions: Iterable[Partition]) -> dict[Partition, Watermark]:
        """First and last offsets; partitions that do not exist are absent, and Transient when none does."""
        asked = sorted(set(partitions))
        try:
            found = self._marks(asked)
        except Transient:
            # The client remembers leaders for minutes, and does not ask anew when one is none any more.
            found = {}
        if len(found) < len(asked):
            # Nor may it have heard of partitions that were added since it last asked.
            self.topics()
            found = self._marks(asked)
        return found

    def retention(self, topics: Iterable[str]) -> dict[str, Retention]:
        """How each of these topics forgets."""
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in sorted(set(topics))]
        if not resources:
            return {}
        asked = self._client.describe_configs(resources, request_timeout=self._seconds)
        found = {}
        for resource, future in asked.items():
            entries = self._answer(future, f"reading the settings of topic {resource.name!r}")
            kept, size = int(entries["retention.ms"].value), int(entries["retention.bytes"].value)
            found[resource.name] = Retention(
                compacted="compact" in entries["cleanup.policy"].value,
                kept=None if kept < 0 or "delete" not in entries["cleanup.policy"].value else _span(kept),
                tombstones_kept=_span(int(entries["delete.retention.ms"].value)),
                bytes_kept=None if size < 0 or "delete" not in entries["cleanup.policy"].value else size,
            )
        return found

    def offsets_now(self, topics: Sequence[str]) -> list[CapturedOffset]:
        """The vector to capture before a snapshot begins: the last stable offset of every partition.

        Records of an open transaction lie behind it: the snapshot cannot hold them yet, so they must be streamed.
        """
        described = self.describe(topics)
        missing = sorted(set(topics) - described.keys())
        if missing:
            raise TopicMissing(f"topics that the cluster does not have: {', '.join(missing)}")
        places = [(topic, partition) for topic in topics for partition in described[topic].partitions]
        marks = self.watermarks(places)
        return [
            CapturedOffset(topic, described[topic].topic_id, partition, mark.last_stable, mark.leader_epoch)
            for topic, partition in places
            for mark in [marks[topic, partition]]
        ]

    def _listed(self, what: str) -> set[str]:
        self._hear()
        self._trouble.forget()
        quick = min(_REFUSED_WITHIN_SECONDS, self._seconds / 2)
        try:
            try:
                return set(self._client.list_topics(timeout=quick).topics)
            except KafkaException as error:
                # A refusal is known at once; a broker that is only slow gets the rest of the time in one piece.
                self._refuse(what, error)
                return set(self._client.list_topics(timeout=self._seconds - quick).topics)
        except KafkaException as error:
            self._refuse(what, error)
            raise failure(error, what) from error

    def _answer(self, future: "Future[Any]", what: str) -> Any:  # noqa: ANN401 - each request has an answer of its own
        try:
            return answer(future, what)
        except Transient as error:
            self._refuse(what, error)
            raise

    def _refuse(self, what: str, error: Exception) -> None:
        """Raise what stands against any answer, if something does."""
        self._hear()
        if (refusal := self._trouble.refusal(what)) is not None:
            raise refusal from error

    def _hear(self) -> None:
        """The client tells what happened beside its answers only when it is asked."""
        self._client.poll(0)

    def _marks(self, partitions: Sequence[Partition]) -> dict[Partition, Watermark]:
        wanted = [TopicPartition(topic, partition) for topic, partition in partitions]
        # In this order low <= last stable <= high holds among the three, whatever is written meanwhile.
        low = self._offsets(wanted, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
        stable = self._offsets(wanted, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
        high = self._offsets(wanted, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        return {
            place: Watermark(low[place][0], high[place][0], stable[place][0], stable[place][1])
            for place in low.keys() & stable.keys() & high.keys()
        }

    def _offsets(
        self, wanted: Sequence[TopicPartition], spec: OffsetSpec, level: IsolationLevel
    ) -> dict[Partition, tuple[int, int | None]]:
        if not wanted:
            return {}
        asked = self._client.list_offsets(
            dict.fromkeys(wanted, spec), isolation_level=level, request_timeout=self._seconds
        )
        found = {}
        for place, future in asked.items():
            what = f"asking for the offsets of {place.topic}[{place.partition}]"
            try:
                found_one = self._answer(future, what)
            except TopicMissing:
                continue
            # librdkafka gives -1001 and no error where the request was lost with its connection.
            if found_one.offset < 0:
                raise Transient(f"{what}: the connection broke before the answer came")
            epoch = found_one.leader_epoch
            found[place.topic, place.partition] = (found_one.offset, None if epoch is None or epoch < 0 else epoch)
        return found


def answer(future: "Future[Any]", what: str) -> Any:  # noqa: ANN401 - each request has an answer of its own
    try:
        return future.result()
    except KafkaException as error:
        raise failure(error, what) from error


def _span(milliseconds: int) -> timedelta:
    # Kafka writes "for ever" as the largest long, which timedelta cannot hold.
    return timedelta(milliseconds=min(milliseconds, 10**15))
