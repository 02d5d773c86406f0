"""What a person decides about partitions that stand still: behind `migration source accept-…`."""

from dataclasses import dataclass

from db.source_store import SourceStore, StoppedPartition
from kafka_log.watermarks import LogView
from migration_core.errors import ConfigError, Halted


@dataclass(frozen=True, slots=True)
class AcceptedGap:
    """The partition goes on at `to_offset`; what lay between is given up for good."""

    topic: str
    partition: int
    from_offset: int
    to_offset: int


@dataclass(frozen=True, slots=True)
class AcceptedPartitions:
    """The new partitions are read once every old one has reached its end as of now."""

    topic: str
    added: tuple[int, ...]
    after: dict[int, int]


def accept_gap(
    store: SourceStore, view: LogView, topic: str, partition: int, *, at: int | None, version: str
) -> AcceptedGap:
    """Release a halted partition behind its gap, or where a person says when more is wrong than a gap."""
    stopped = next((one for one in store.partitions(topic) if one.partition == partition), None)
    if stopped is None or stopped.halted is None:
        raise ConfigError(f"{topic}[{partition}] is not halted: `migration source show` lists what is")
    if stopped.added:
        raise ConfigError(f"{topic}[{partition}] was added: run `migration source accept-partitions {topic}`")
    description = view.describe([topic]).get(topic)
    if description is None or partition not in description.partitions:
        raise Halted(f"{topic}[{partition}] does not exist: create it again, or take the stream out of the mapping")
    mark = view.watermarks([(topic, partition)])[topic, partition]
    if at is None:
        at = _behind_the_gap(stopped, mark.low)
    if not mark.low <= at <= mark.high:
        raise ConfigError(f"{topic}[{partition}] holds the offsets {mark.low} to {mark.high}; {at} is outside")
    store.release_at(stopped, at, description.topic_id, version=version)
    return AcceptedGap(topic, partition, stopped.next_offset, at)


def accept_partitions(store: SourceStore, view: LogView, topic: str) -> AcceptedPartitions:
    """Read the added partitions of `topic` from 0, behind everything that the old ones hold now."""
    known = store.partitions(topic)
    added = [one for one in known if one.added]
    if not added:
        raise ConfigError(f"no partition of {topic!r} waits to be accepted: `migration source show` lists what does")
    marks = view.watermarks([(topic, one.partition) for one in known])
    after = {
        one.partition: marks[topic, one.partition].high
        for one in known
        if not one.added and (topic, one.partition) in marks
    }
    store.accept_added(added, after)
    return AcceptedPartitions(topic, tuple(one.partition for one in added), after)


def _behind_the_gap(stopped: StoppedPartition, low: int) -> int:
    first, last = stopped.halted_from, stopped.halted_to
    if first is None or last is None or first != stopped.next_offset or last <= first:
        raise ConfigError(f"say with --at where to go on, for this is more than a gap: {stopped.halted}")
    return max(last, low)  # more may have been removed since
