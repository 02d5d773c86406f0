"""Partitions that stand still until a person decides: recorded by the master, released by command."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.engine import Database
from migration_core.errors import Fenced, Halted

_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class StoppedPartition:
    """One partition as the commands that release it see it."""

    source_id: int
    stream: str
    topic: str
    topic_id: str
    partition: int
    next_offset: int
    halted: str | None
    halted_from: int | None
    """None, where the partition stands still because it was added to its topic."""
    halted_to: int | None

    @property
    def added(self) -> bool:
        """Whether it waits to be accepted as a new partition."""
        return self.halted is not None and self.halted_from is None


class SourceStore:
    """Reads and writes why partitions are not read; the master's own writes carry its fence."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def halt(self, source_id: int, reason: str, first: int, last: int, *, expected: int, epoch: int) -> None:
        """Record that a partition is not read on, and which offsets are in doubt."""
        with self._database.transaction() as session:
            halted = session.execute(
                "UPDATE source_offset SET halted = %s, halted_from = %s, halted_to = %s, moved_at = NOW(6) "
                "WHERE source_id = %s AND next_offset = %s AND epoch = %s",
                (reason[:_LONGEST_REASON], first, last, source_id, expected, epoch),
            )
        if halted != 1:
            raise Fenced(f"source {source_id} is no longer at offset {expected} in epoch {epoch}: another master")

    def add_stopped(self, stream: str, topic: str, topic_id: str, partition: int, reason: str, *, epoch: int) -> None:
        """Record a partition that was added to a topic; it is not read before a person accepts it."""
        with self._database.transaction() as session:
            found = session.one(
                "SELECT stream_id, MAX(epoch) FROM source_offset JOIN stream USING (stream_id) WHERE name = %s "
                "GROUP BY stream_id FOR UPDATE OF source_offset",
                (stream,),
            )
            if found is None or found[1] != epoch:
                raise Fenced(f"stream {stream!r} is no longer in epoch {epoch}: another master")
            session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (found[0],))
            session.execute(
                "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
                "end_offset, next_offset, epoch, halted) VALUES (%s, %s, %s, %s, %s, 0, 0, 0, %s, %s)",
                (session.inserted_id(), found[0], topic, topic_id, partition, epoch, reason[:_LONGEST_REASON]),
            )

    def waits_for(self) -> dict[int, dict[int, int]]:
        """{source id of an accepted partition: {old partition of its topic: the end it must reach first}}."""
        with self._database.transaction() as session:
            rows = session.rows("SELECT source_id, after_offsets FROM source_offset WHERE after_offsets IS NOT NULL")
        return {
            source_id: {int(partition): end for partition, end in json.loads(after).items()}
            for source_id, after in rows
        }

    def partitions(self, topic: str) -> list[StoppedPartition]:
        """All partitions of a topic that a stream reads, stopped or not."""
        with self._database.transaction() as session:
            rows = session.rows(
                "SELECT o.source_id, s.name, o.topic, o.topic_id, o.kafka_partition, o.next_offset, o.halted, "
                "o.halted_from, o.halted_to FROM source_offset o JOIN stream s USING (stream_id) "
                "WHERE o.topic = %s ORDER BY o.kafka_partition",
                (topic,),
            )
        return [StoppedPartition(*row) for row in rows]

    def release_at(self, stopped: StoppedPartition, at: int, topic_id: str, *, version: str) -> None:
        """Go on at offset `at`, and keep in `run` for ever what was given up by whose reason."""
        with self._database.transaction() as session:
            released = session.execute(
                "UPDATE source_offset SET next_offset = %s, topic_id = %s, leader_epoch = NULL, last_offset = NULL, "
                "last_sha256 = NULL, halted = NULL, halted_from = NULL, halted_to = NULL, moved_at = NOW(6) "
                "WHERE source_id = %s AND next_offset = %s AND halted IS NOT NULL",
                (at, topic_id, stopped.source_id, stopped.next_offset),
            )
            if released != 1:
                raise Halted(f"{stopped.topic}[{stopped.partition}] changed while it was released: look again")
            detail = {"topic": stopped.topic, "partition": stopped.partition, "from": stopped.next_offset, "to": at}
            session.execute(
                "INSERT INTO run (kind, step, version, mapping_hash, finished_at, detail) "
                "VALUES ('accept_gap', 'done', %s, '', NOW(6), %s)",
                (version, json.dumps({**detail, "reason": stopped.halted})),
            )

    def accept_added(self, added: Sequence[StoppedPartition], after: Mapping[int, int]) -> None:
        """Read these partitions once the old ones have reached the offsets `after`."""
        with self._database.transaction() as session:
            for one in added:
                accepted = session.execute(
                    "UPDATE source_offset SET halted = NULL, after_offsets = %s, moved_at = NOW(6) "
                    "WHERE source_id = %s AND halted IS NOT NULL AND halted_from IS NULL",
                    (json.dumps({str(partition): end for partition, end in after.items()}), one.source_id),
                )
                if accepted != 1:
                    raise Halted(f"{one.topic}[{one.partition}] changed while it was accepted: look again")
