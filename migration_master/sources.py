"""What may be read and from where: every rule about offsets, topics and partitions. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from db.ingest import SourceOffset
from kafka_log.reader import Start
from kafka_log.watermarks import Partition, Retention, TopicDescription, Watermark
from migration_core.fingerprint import fingerprint
from migration_core.records import Received
from migration_core.stops import Stops

_ACCEPT = "load a new snapshot of the stream, or run `migration source accept-gap {topic} {partition}{at}`"


@dataclass(frozen=True, slots=True)
class View:
    """What the cluster says, asked for at one time."""

    topics: Mapping[str, TopicDescription]
    marks: Mapping[Partition, Watermark]
    retention: Mapping[str, Retention]
    reread: Mapping[Partition, Received]
    """The records that stand where each partition's last stored one stood."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Why one partition must not be read on, and the offsets that are in doubt."""

    source: SourceOffset
    reason: str
    from_offset: int
    to_offset: int


@dataclass(frozen=True, slots=True)
class NewPartition:
    """A partition that was added to a topic after its stream began."""

    stream: str
    topic: str
    topic_id: str
    partition: int

    @property
    def reason(self) -> str:
        """What a person reads, with the remedy."""
        return (
            f"{self.topic}[{self.partition}] was added to the topic: keys may have moved to it; "
            f"run `migration source accept-partitions {self.topic}`"
        )


@dataclass(slots=True)
class Findings:
    """What stands against reading on."""

    halts: list[Halt] = field(default_factory=list)
    added: list[NewPartition] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """{stream: why}: not recorded, since it can be seen again at any time and ends by itself when it is put right."""


def place_of(source: SourceOffset) -> Partition:
    """(topic, partition)."""
    return source.topic, source.partition


def examine(sources: Iterable[SourceOffset], partial: Collection[str], view: View) -> Findings:
    """Everything that is wrong with `sources`; `partial` names the streams of partial changes."""
    findings = Findings()
    known: dict[str, set[int]] = defaultdict(set)
    streams: dict[str, str] = {}
    for source in sources:
        known[source.topic].add(source.partition)
        streams[source.topic] = source.stream
        if source.halted is None and (halt := _halt(source, view)) is not None:
            findings.halts.append(halt)
        kept = view.retention.get(source.topic)
        if source.stream in partial and kept is not None and kept.compacted:
            findings.refused[source.stream] = (
                f"topic {source.topic} is compacted, which loses partial changes: set cleanup.policy=delete on it"
            )
    doubted = {halt.source.topic for halt in findings.halts if view.topics.get(halt.source.topic) is None}
    for topic in sorted(known.keys() - doubted):
        description = view.topics.get(topic)
        for partition in sorted(set(description.partitions if description else ()) - known[topic]):
            topic_id = description.topic_id if description else ""
            findings.added.append(NewPartition(streams[topic], topic, topic_id, partition))
    return findings


def _halt(source: SourceOffset, view: View) -> Halt | None:
    name, expected = f"{source.topic}[{source.partition}]", source.next_offset
    topic, mark = view.topics.get(source.topic), view.marks.get(place_of(source))

    def halt(what: str, first: int, last: int, at: str) -> Halt:
        remedy = _ACCEPT.format(topic=source.topic, partition=source.partition, at=at)
        return Halt(source, f"{name}: {what}; {remedy}", first, last)

    if topic is None:
        return halt("the topic does not exist any more", expected, expected, " --at OFFSET")
    if topic.topic_id != source.topic_id:
        what = f"the topic was deleted and made anew (id {source.topic_id}, now {topic.topic_id})"
        return halt(what, expected, expected, " --at OFFSET")
    if mark is None:
        return halt("the partition does not exist any more", expected, expected, " --at OFFSET")
    if mark.low > expected:
        what = f"gap: the records from {expected} to {mark.low - 1} were removed before they were read"
        return halt(what, expected, mark.low, "")
    if mark.high < expected:
        what = f"truncated: the log ends at {mark.high}, and records up to {expected - 1} were stored from it"
        return halt(what, mark.high, expected, " --at OFFSET")
    again = view.reread.get(place_of(source))
    if source.last_offset is not None and again is not None and fingerprint(again) != source.last_sha256:
        what = f"truncated: at offset {source.last_offset} stands another record than the one that was stored"
        return halt(what, source.last_offset, expected, " --at OFFSET")
    return None


def position_lost(source: SourceOffset, reason: str) -> Halt:
    """What the client found while it read, where the watermarks show nothing."""
    remedy = _ACCEPT.format(topic=source.topic, partition=source.partition, at=" --at OFFSET")
    said = f"{source.topic}[{source.partition}]: at offset {source.next_offset}: {reason}; {remedy}"
    return Halt(source, said, source.next_offset, source.next_offset)


def to_reread(sources: Iterable[SourceOffset], marks: Mapping[Partition, Watermark]) -> dict[Partition, int]:
    """Where the last stored records stood, as far as the logs still reach there."""
    found = {}
    for source in sources:
        mark = marks.get(place_of(source))
        last = source.last_offset
        if mark is not None and last is not None and source.halted is None and mark.low <= last < mark.last_stable:
            found[place_of(source)] = last
    return found


def readable(
    sources: Iterable[SourceOffset],
    refused: Collection[str],
    waits_for: Mapping[int, Mapping[int, int]],
    stops: Stops | None = None,
) -> list[SourceOffset]:
    """The partitions to read now: a stream stands still as a whole, and accepted partitions wait for the old ones.

    `waits_for` = {source id: {old partition: the end that it must reach first}}.
    """
    every = list(sources)
    still = {source.stream for source in every if source.halted is not None} | set(refused)
    reached = {place_of(source): source.next_offset for source in every}

    def waits(source: SourceOffset) -> bool:
        ends = waits_for.get(source.source_id, {})
        return any(reached.get((source.topic, partition), end) < end for partition, end in ends.items())

    return [
        source
        for source in every
        if source.stream not in still and not waits(source) and not stopped(source, stops or {})
    ]


def stopped(source: SourceOffset, stops: Stops) -> bool:
    """Whether a person wants no more of this partition than is stored."""
    return source.next_offset >= stops.get(place_of(source), source.next_offset + 1)


def start_of(source: SourceOffset, mark: Watermark | None) -> Start:
    """Where to begin, so that the leader epoch can prove the log unchanged.

    Behind the last record only markers and aborted records lie up to next_offset. The epoch is that of the record, so
    reading begins right behind it: at next_offset a newer epoch may hold, and the old one would look truncated.
    """
    if source.leader_epoch is None:
        return Start(source.topic, source.partition, source.next_offset)
    proven = source.start_offset if source.last_offset is None else source.last_offset + 1
    if mark is not None and mark.low > proven:
        return Start(source.topic, source.partition, source.next_offset)
    return Start(source.topic, source.partition, proven, source.leader_epoch)


def vanishing(kept: Retention, *, partial: bool, behind: timedelta) -> timedelta | None:
    """The limit that a reader `behind` by this much is more than half way to, if any."""
    limits = [kept.kept] if kept.kept is not None else []
    if kept.compacted and not partial:
        limits.append(kept.tombstones_kept)
    near = [limit for limit in limits if behind > limit / 2]
    return min(near) if near else None


def nothing_left(sources: Iterable[SourceOffset], refused: Mapping[str, str]) -> str:
    """Why there is nothing to read, for the message that the process ends with."""
    reasons = [source.halted for source in sources if source.halted is not None] + list(refused.values())
    return " | ".join(reasons)
