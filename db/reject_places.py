"""Where each rejected record came from, with its code."""

from db.engine import Database


def reject_places(database: Database) -> list[tuple[str, str, int, int, str]]:
    """(stream, "snapshot" or "stream", part or partition, line or offset, code) of every reject."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, IF(o.source_id IS NULL, 'snapshot', 'stream'), COALESCE(o.kafka_partition, p.part), "
            "r.source_offset, t.code FROM reject r JOIN stream s USING (stream_id) "
            "JOIN reject_pattern t USING (pattern_id) "
            "LEFT JOIN source_offset o ON o.source_id = r.source_id "
            "LEFT JOIN snapshot_part p ON p.source_id = r.source_id"
        )
    return [(row[0], row[1], int(row[2]), int(row[3]), row[4]) for row in rows]
