"""Rejects as people ask for them: grouped by pattern, and one by one with the place they came from."""

from dataclasses import dataclass
from datetime import datetime

from db.engine import Database


@dataclass(frozen=True, slots=True)
class Pattern:
    """Rejects that share stream, stage, code, field path and shape of the value."""

    pattern: str
    stream: str
    stage: str
    code: str
    field_path: str
    shape: str
    state: str
    rejects: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One rejected row: where it came from, where it lies, why it is there, and its bytes."""

    stream: str
    code: str
    field_path: str
    detail: str
    phase: str
    """"snapshot" or "stream"."""
    source: str
    """The part's file or the topic."""
    partition: int
    """The partition, or the number of the part."""
    offset: int
    """The offset, or the line."""
    lane: int
    sequence: int
    rejected_at: datetime
    version: str
    value_sha256: str
    record_key: bytes | None
    value: bytes | None


def patterns(database: Database, stream: str | None = None) -> list[Pattern]:
    """All patterns, the most frequent first."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT t.hash, s.name, t.stage, t.code, t.field_path, t.shape, t.state, t.rejects, t.first_seen, "
            "t.last_seen FROM reject_pattern t JOIN stream s USING (stream_id) WHERE %s IS NULL OR s.name = %s "
            "ORDER BY t.rejects DESC, s.name, t.hash",
            (stream, stream),
        )
    return [Pattern(*row) for row in rows]


def rejected_rows(database: Database, pattern: str, *, limit: int) -> list[RejectedRow]:
    """The first `limit` rows of the patterns whose hash begins with `pattern`, by stream, lane and sequence."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, t.code, t.field_path, r.detail, IF(o.source_id IS NULL, 'snapshot', 'stream'), "
            "COALESCE(o.topic, p.file), COALESCE(o.kafka_partition, p.part), r.source_offset, r.lane, r.sequence, "
            "r.rejected_at, r.version, r.value_sha256, r.record_key, r.value "
            "FROM reject r JOIN stream s USING (stream_id) JOIN reject_pattern t USING (pattern_id) "
            "LEFT JOIN source_offset o ON o.source_id = r.source_id "
            "LEFT JOIN snapshot_part p ON p.source_id = r.source_id "
            "WHERE t.hash LIKE CONCAT(%s, '%%') ORDER BY s.name, r.lane, r.sequence LIMIT %s",
            (pattern.replace("%", "").replace("_", ""), limit),
        )
    return [RejectedRow(*row) for row in rows]
