"""What the sign-off report asks of the database beside ledger, sources, snapshots and rejects."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from db.engine import Database
from db.target import read_target


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One stream as it is registered."""

    stream: str
    partial: bool
    lanes: int
    mapping_hash: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that a person gave up because the source had lost them."""

    topic: str
    partition: int
    from_offset: int
    to_offset: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened once."""

    at: datetime
    what: str
    of: str


def events(database: Database) -> list[Event]:
    """The milestones in order of time."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT registered_at AS at, 'data type registered' AS what, name AS of_what FROM stream "
            "JOIN stream_state USING (stream_id) "
            "UNION ALL SELECT n.registered_at, CONCAT('snapshot ', n.generation, ' begun'), s.name "
            "FROM snapshot n JOIN stream s USING (stream_id) "
            "UNION ALL SELECT completed_at, CONCAT('snapshot ', generation, ' complete'), s.name "
            "FROM snapshot JOIN stream s USING (stream_id) WHERE completed_at IS NOT NULL "
            "UNION ALL SELECT opened_at, CONCAT('generation ', generation, ' (', kind, ') opened'), s.name "
            "FROM stream_generation JOIN stream s USING (stream_id) WHERE opened_at IS NOT NULL "
            "UNION ALL SELECT started_at, IF(rehearsal, 'rehearsal begun', 'cut-over begun'), CAST(cutover_id AS CHAR) "
            "FROM cutover "
            "UNION ALL SELECT finished_at, IF(rehearsal, 'rehearsal ended', 'cut-over ended'), "
            "CONCAT(cutover_id, ': ', step) FROM cutover WHERE finished_at IS NOT NULL "
            "UNION ALL SELECT approved_at, CONCAT('approved by ', approved_by), CAST(cutover_id AS CHAR) FROM cutover "
            "WHERE approved_at IS NOT NULL ORDER BY at, what, of_what"
        )
    return [Event(*row) for row in rows]


def streams(database: Database) -> list[StreamFacts]:
    """By name."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT name, partial, lanes, mapping_hash, registered_at FROM stream JOIN stream_state USING (stream_id) "
            "ORDER BY name"
        )
    return [StreamFacts(name, bool(partial), *rest) for name, partial, *rest in rows]


def given_up(database: Database) -> list[GivenUp]:
    """Every accepted gap, for ever."""
    with database.transaction() as session:
        rows = session.rows("SELECT detail, finished_at FROM run WHERE kind = 'accept_gap' ORDER BY run_id")
    found = [(json.loads(detail), at) for detail, at in rows]
    return [
        GivenUp(one["topic"], one["partition"], one["from"], one["to"], one["reason"] or "", at) for one, at in found
    ]


def schema_hash(database: Database, schema: str) -> str:
    """A digest of the processed schema: its tables, columns, keys and indexes."""
    with database.transaction() as session:
        found = read_target(session, schema)
    # A trigger of the change log comes and goes with a cut-over and is no part of the schema.
    told = [
        (one.name, one.engine, one.columns, one.primary_key, one.indexes, one.foreign_keys)
        for one in found.tables.values()
    ]
    return sha256(repr(told).encode()).hexdigest()
