"""The partitions of every stream as people ask for them: how far they are stored, and what stands still."""

from dataclasses import dataclass
from datetime import datetime

from db.engine import Database


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One partition; everything below `next_offset` is stored."""

    stream: str
    topic: str
    partition: int
    topic_id: str
    start_offset: int
    end_offset: int
    next_offset: int
    leader_epoch: int | None
    epoch: int
    moved_at: datetime
    halted: str | None
    halted_from: int | None
    halted_to: int | None


def source_statuses(database: Database) -> list[SourceStatus]:
    """All partitions by stream, topic and number."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, o.topic, o.kafka_partition, o.topic_id, o.start_offset, o.end_offset, o.next_offset, "
            "o.leader_epoch, o.epoch, o.moved_at, o.halted, o.halted_from, o.halted_to "
            "FROM source_offset o JOIN stream s USING (stream_id) ORDER BY s.name, o.topic, o.kafka_partition"
        )
    return [SourceStatus(*row) for row in rows]
