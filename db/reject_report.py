"""Rejects as people ask for them: grouped by pattern, and one by one with the place they came from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.engine import Database, Session
from db.reject_decisions import Decision, decisions
from migration_core.masking import masked

_SAMPLES = 3
_HOURS = 24
_LONGEST_SAMPLE = 65536


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
    share: float
    """Of the stream's rows."""
    first_seen: datetime
    last_seen: datetime
    by_hour: tuple[int, ...]
    """How many were rejected in each of the last 24 hours, this one last; those that left since count too."""
    samples: tuple[str, ...]
    """Values with their letters and digits masked."""
    decision: Decision | None
    """The last one."""


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
    """All patterns, the most frequent first; those of a replay under way are no stream's yet."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT t.pattern_id, t.hash, s.name, t.stage, t.code, t.field_path, t.shape, t.state, t.rejects, "
            "(SELECT SUM(h.`rows`) FROM lane_head h WHERE h.stream_id = s.stream_id), t.first_seen, t.last_seen "
            "FROM reject_pattern t JOIN stream s USING (stream_id) JOIN stream_state USING (stream_id) "
            "WHERE %s IS NULL OR s.name = %s "
            "ORDER BY t.rejects DESC, s.name, t.hash",
            (stream, stream),
        )
        hours = _by_hour(session)
        return [_pattern(session, row, hours) for row in rows]


def rejected_rows(database: Database, pattern: str, *, limit: int) -> list[RejectedRow]:
    """The first `limit` rows of the patterns whose hash begins with `pattern`, by stream, lane and sequence."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, t.code, t.field_path, r.detail, IF(o.source_id IS NULL, 'snapshot', 'stream'), "
            "COALESCE(o.topic, p.file), COALESCE(o.kafka_partition, p.part), r.source_offset, r.lane, r.sequence, "
            "r.rejected_at, r.version, r.value_sha256, r.record_key, r.value "
            "FROM reject r JOIN stream s USING (stream_id) JOIN stream_state USING (stream_id) "
            "JOIN reject_pattern t USING (pattern_id) "
            "LEFT JOIN source_offset o ON o.source_id = r.source_id "
            "LEFT JOIN snapshot_part p ON p.source_id = r.source_id "
            "WHERE t.hash LIKE CONCAT(%s, '%%') ORDER BY s.name, r.lane, r.sequence LIMIT %s",
            (pattern.replace("%", "").replace("_", ""), limit),
        )
    return [RejectedRow(*row) for row in rows]


def _pattern(session: Session, row: tuple[Any, ...], hours: dict[int, tuple[int, ...]]) -> Pattern:
    pattern_id, name, stream, stage, code, path, shape, state, rejects, received, first_seen, last_seen = row
    decided = decisions(session, pattern_id)
    return Pattern(
        pattern=name,
        stream=stream,
        stage=stage,
        code=code,
        field_path=path,
        shape=shape,
        state=state,
        rejects=rejects,
        share=rejects / max(1, int(received or 0)),
        first_seen=first_seen,
        last_seen=last_seen,
        by_hour=hours.get(pattern_id, (0,) * _HOURS),
        samples=tuple(_samples(session, pattern_id, path)),
        decision=decided[0] if decided else None,
    )


def _by_hour(session: Session) -> dict[int, tuple[int, ...]]:
    """{pattern id: rejects of each of the last hours}."""
    found: dict[int, list[int]] = {}
    for pattern_id, ago, rejects in session.rows(
        "SELECT pattern_id, TIMESTAMPDIFF(HOUR, hour, NOW()), rejects FROM reject_hour "
        "WHERE hour > NOW() - INTERVAL %s HOUR",
        (_HOURS,),
    ):
        found.setdefault(pattern_id, [0] * _HOURS)[_HOURS - 1 - max(0, ago)] += rejects
    return {pattern_id: tuple(counts) for pattern_id, counts in found.items()}


def _samples(session: Session, pattern_id: int, field_path: str) -> list[str]:
    rows = session.rows(
        "SELECT IF(LENGTH(value) <= %s, value, LEFT(value, 200)), value IS NULL FROM reject "
        "WHERE pattern_id = %s ORDER BY stream_id, lane, sequence LIMIT %s",
        (_LONGEST_SAMPLE, pattern_id, _SAMPLES),
    )
    return [masked(None if none else bytes(value), field_path) for value, none in rows]
