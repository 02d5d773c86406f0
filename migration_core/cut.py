"""Whether a snapshot may be loaded behind the cut of a running stream. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from migration_core.errors import ConfigError
from migration_core.manifest import StreamSnapshot, TopicOffsets


@dataclass(frozen=True, slots=True)
class CutOffset:
    """One partition at the cut: `offset` is of the first record that is stored behind it."""

    source_id: int
    topic: str
    topic_id: str
    partition: int
    offset: int


def expect_behind(cut: Sequence[CutOffset], snapshot: StreamSnapshot, *, partial: bool) -> dict[int, int]:
    """{source_id: start offset of the snapshot}; ConfigError where loading it would lose or undo changes."""
    if partial:
        _expect_documents(snapshot)
    found = {(one.topic, one.partition): one for one in snapshot.topics}
    known = {(one.topic, one.partition) for one in cut}
    unknown = sorted(f"{topic}[{partition}]" for topic, partition in found.keys() - known)
    if unknown:
        raise ConfigError(
            f"the snapshot names {', '.join(unknown)}, which the stream does not read: "
            "run `migration source accept-partitions` first, or mend the manifest"
        )
    return {one.source_id: _start(one, found.get((one.topic, one.partition)), snapshot.name) for one in cut}


def _start(cut: CutOffset, offsets: TopicOffsets | None, stream: str) -> int:
    place = f"{cut.topic}[{cut.partition}]"
    if offsets is None:
        raise ConfigError(f"the snapshot has no offset for {place}: state the offsets of every partition")
    if offsets.topic_id != cut.topic_id:
        raise ConfigError(
            f"{place}: the snapshot is of topic id {offsets.topic_id}, the stream reads {cut.topic_id}: "
            "the topic was made anew since; take a new snapshot"
        )
    if offsets.start_offset < cut.offset:
        raise ConfigError(
            f"{place}: the snapshot begins at offset {offsets.start_offset}, and records up to {cut.offset} lie before "
            f"the cut of stream {stream!r}: it is older than what was stored already, and would undo it; take a "
            "snapshot now and load that one"
        )
    return offsets.start_offset


def _expect_documents(snapshot: StreamSnapshot) -> None:
    if snapshot.partial:
        raise ConfigError(
            f"the snapshot of {snapshot.name!r} is a log of partial changes, and a reload needs full documents: "
            "export the documents as they are at one moment"
        )
    for one in snapshot.topics:
        if one.start_offset != one.end_offset:
            raise ConfigError(
                f"{one.topic}[{one.partition}]: the snapshot spans offsets {one.start_offset} to {one.end_offset}, "
                "and a change in between would be applied twice to a stream of partial changes: "
                "export the documents of one moment, with start = end"
            )
