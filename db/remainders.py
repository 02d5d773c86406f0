"""Remainders as people ask for them: what does not agree now, and where it lies."""

import json
from dataclasses import dataclass
from datetime import datetime

from db.engine import Database
from migration_core.audit import Kind, Place


@dataclass(frozen=True, slots=True)
class StoredRemainder:
    """One remainder that the last look of the audit still found."""

    stream: str
    lane: int
    kind: Kind
    rows: int
    """Rows found less rows expected."""
    from_sequence: int
    to_sequence: int
    detail: str
    places: tuple[Place, ...]
    found_at: datetime


def open_remainders(database: Database) -> list[StoredRemainder]:
    """All that is open, by stream, lane and sequence."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, r.lane, r.kind, r.`rows`, r.from_sequence, r.to_sequence, r.detail, r.places, r.found_at "
            "FROM ledger_remainder r JOIN stream s USING (stream_id) WHERE r.gone_at IS NULL "
            "ORDER BY s.name, r.lane, r.from_sequence, r.kind"
        )
    return [
        StoredRemainder(name, lane, Kind(kind), count, first, last, detail, _places(places), found_at)
        for name, lane, kind, count, first, last, detail, places, found_at in rows
    ]


def _places(text: str) -> tuple[Place, ...]:
    return tuple(Place(**one) for one in json.loads(text))
