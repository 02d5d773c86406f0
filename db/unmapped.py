"""Fields that no column takes, added up over all workers of a stream."""

from db.engine import Database, Session
from migration_core.errors import ConfigError
from migration_core.unmapped import MOST_FIELDS, OTHERS, LookedAt, UnmappedField

_EVERY_DOCUMENT = "$"
"""The path whose row counts the documents looked at."""


def add(session: Session, stream: str, looked: LookedAt) -> None:
    """Count documents and their fields; the fields of a stream have an end, behind which they are counted as one."""
    found = session.one("SELECT stream_id FROM stream WHERE name = %s", (stream,))
    if found is None:
        raise ConfigError(f"stream {stream!r} is not registered here: run `migration schema upgrade`")
    (stream_id,) = found
    # First of all, so that workers of one stream add one after the other.
    session.execute(
        "INSERT INTO unmapped_field (stream_id, path, documents) VALUES (%s, %s, %s) AS new "
        "ON DUPLICATE KEY UPDATE documents = unmapped_field.documents + new.documents",
        (stream_id, _EVERY_DOCUMENT, looked.documents),
    )
    rows = session.rows("SELECT path, documents FROM unmapped_field WHERE stream_id = %s", (stream_id,))
    known = dict(rows)
    before = known.pop(_EVERY_DOCUMENT) - looked.documents
    for path, count in sorted(looked.fields.items()):
        kept = path if path in known or len(known) < MOST_FIELDS else OTHERS
        known.setdefault(kept, 0)
        source_id, offset = looked.first[path]
        session.execute(
            "INSERT INTO unmapped_field (stream_id, path, documents, looked_before, source_id, source_offset) "
            "VALUES (%s, %s, %s, %s, %s, %s) AS new ON DUPLICATE KEY UPDATE "
            "documents = unmapped_field.documents + new.documents, last_seen = NOW(6)",
            (stream_id, kept, count, before, source_id, offset),
        )


def unmapped_fields(session: Session) -> list[UnmappedField]:
    """All fields of all streams, the most frequent of a stream first."""
    rows = session.rows(
        "SELECT s.name, f.path, f.documents, e.documents - f.looked_before, f.looked_before, "
        "CONCAT(COALESCE(o.topic, p.file), '[', COALESCE(o.kafka_partition, p.part), ']@', f.source_offset), "
        "f.first_seen, f.accepted_by, f.because FROM unmapped_field f JOIN stream s USING (stream_id) "
        "JOIN unmapped_field e ON e.stream_id = f.stream_id AND e.path = %s "
        "LEFT JOIN source_offset o ON o.source_id = f.source_id LEFT JOIN snapshot_part p ON p.source_id = f.source_id "
        "WHERE f.path <> %s ORDER BY s.name, f.documents DESC, f.path",
        (_EVERY_DOCUMENT, _EVERY_DOCUMENT),
    )
    return [UnmappedField(*row) for row in rows]


def looked_at(session: Session) -> dict[str, int]:
    """{stream: documents that were looked at}."""
    return dict(
        session.rows(
            "SELECT s.name, f.documents FROM unmapped_field f JOIN stream s USING (stream_id) WHERE f.path = %s",
            (_EVERY_DOCUMENT,),
        )
    )


def accept(database: Database, stream: str, path: str, *, who: str, because: str) -> None:
    """Record that a field stays out of the target on a person's word; safe to repeat."""
    with database.transaction() as session:
        accepted = session.execute(
            "UPDATE unmapped_field f JOIN stream s USING (stream_id) SET f.accepted_by = %s, f.because = %s, "
            "f.accepted_at = NOW(6) WHERE s.name = %s AND f.path = %s AND f.path <> %s",
            (who[:100], because[:1000], stream, path, _EVERY_DOCUMENT),
        )
    if accepted != 1:
        raise ConfigError(f"stream {stream!r} has no unmapped field {path!r}; see `migration fields list`")
