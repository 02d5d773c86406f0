"""Registered snapshots and how far each is loaded."""

from dataclasses import dataclass
from datetime import datetime

from db.engine import Database


@dataclass(frozen=True, slots=True)
class SnapshotStatus:
    """One snapshot of one stream."""

    stream: str
    generation: int
    state: str
    folder: str
    parts: int
    parts_open: int
    rows: int
    rows_loaded: int
    duplicates: int
    registered_at: datetime
    completed_at: datetime | None


def snapshot_statuses(database: Database) -> list[SnapshotStatus]:
    """Every snapshot, by stream."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, n.generation, n.state, n.folder, COUNT(*), COALESCE(SUM(p.state = 'open'), 0), "
            "SUM(p.`rows`), SUM(p.lines_loaded), (SELECT COUNT(*) FROM snapshot_duplicate d "
            "WHERE d.stream_id = n.stream_id AND d.sequence >> 51 = n.generation), n.registered_at, n.completed_at "
            "FROM snapshot n JOIN stream s USING (stream_id) JOIN snapshot_part p USING (snapshot_id) "
            "GROUP BY n.snapshot_id ORDER BY s.name, n.generation"
        )
    return [SnapshotStatus(*row[:4], *map(int, row[4:9]), *row[9:]) for row in rows]
