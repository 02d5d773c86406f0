"""All that is known of one raw row: where it came from, its bytes, what became of it and of its key since."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import raw
from db.bulk import quoted
from db.engine import Database, Session
from db.later_rows import KeyLook, learn
from db.raw import table_of
from db.registry import RegisteredStream
from db.reject_decisions import Decision, decisions
from migration_core.errors import ConfigError
from migration_core.outcome import Outcome

_LATER = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row lies."""

    stream: RegisteredStream
    lane: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the row is rejected now."""

    decisions: tuple[Decision, ...]
    pattern: str
    state: str
    stage: str
    code: str
    field_path: str
    shape: str
    detail: str
    version: str
    rejected_at: datetime


@dataclass(frozen=True, slots=True)
class LaterRow:
    """A later row of the same key."""

    sequence: int
    source: str
    partition: int
    offset: int
    outcome: str


@dataclass(frozen=True, slots=True)
class RowAttempt:
    """One redrive that tried this row."""

    outcome: str
    pattern: str | None
    """Under which it was rejected again."""
    attempt_id: int
    who: str
    version: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """One row, from its arrival until now; the last four fields may be personal data."""

    stream: str
    source: str
    partition: int
    offset: int
    lane: int
    sequence: int
    time: int | None
    outcome: str
    failure: Failure | None
    later: tuple[LaterRow, ...]
    """Of the same key, the first twenty."""
    attempts: tuple[RowAttempt, ...]
    entity_key: bytes | None
    record_key: bytes | None
    value: bytes | None
    headers: bytes | None


def by_sequence(database: Database, stream: str | None, lane: int, sequence: int) -> Place:
    """The row of that lane and sequence; the stream need not be named where one alone has such a row."""
    with database.transaction() as session:
        found = [
            one for one in _streams(session) if stream in (None, one.name) and _there(session, one, lane, sequence)
        ]
    if len(found) != 1:
        several = (
            f"{', '.join(one.name for one in found)} all have one: name the --stream" if found else "there is none"
        )
        raise ConfigError(f"row {lane}:{sequence}: {several}")
    return Place(found[0], lane, sequence)


def by_position(database: Database, topic: str, partition: int, offset: int) -> Iterator[Place | None]:
    """The row of that record, after a None for each lane that was read in vain: raw tables have no such index."""
    with database.transaction() as session:
        source = session.one(
            "SELECT stream_id, source_id, next_offset FROM source_offset WHERE topic = %s AND kafka_partition = %s",
            (topic, partition),
        )
        if source is None:
            raise ConfigError(f"no stream reads {topic}[{partition}]; see `migration source show`")
        (stream,) = [one for one in _streams(session) if one.stream_id == source[0]]
        kept = session.one(
            "SELECT lane, sequence FROM reject WHERE source_id = %s AND source_offset = %s", (source[1], offset)
        )
    if kept is not None:
        yield Place(stream, *kept)
        return
    for lane in range(stream.lanes):
        with database.transaction() as session:
            found = session.one(
                f"SELECT sequence FROM {quoted(table_of(stream.name))} "
                "WHERE lane = %s AND source_id = %s AND source_offset = %s",
                (lane, source[1], offset),
            )
        yield None if found is None else Place(stream, lane, found[0])
        if found is not None:
            return
    raise ConfigError(f"{topic}[{partition}]@{offset} is not stored; the partition is stored up to {source[2] - 1}")


def story(database: Database, place: Place) -> Story:
    """Everything about the row at `place`."""
    stream = place.stream
    with database.transaction() as session:
        found = session.one(
            "SELECT r.source_id, r.source_offset, r.time, r.entity_key, r.record_key, r.value, r.headers "
            f"FROM {quoted(table_of(stream.name))} r WHERE lane = %s AND sequence = %s",
            (place.lane, place.sequence),
        )
        if found is None:
            raise ConfigError(f"row {place.lane}:{place.sequence} of {stream.name} is not stored any more")
        source_id, offset, time, key, record_key, value, headers = found
        source, partition = _source(session, source_id)
        outcome = _outcome(session, place)
        failure = _failure(session, place)
        attempts = _attempts(session, place)
    later = () if key is None else tuple(_later(database, place, bytes(key)))
    return Story(
        stream.name, source, partition, offset, place.lane, place.sequence, time, outcome, failure, later, attempts,
        key, record_key, value, headers,
    )  # fmt: skip


def _streams(session: Session) -> list[RegisteredStream]:
    return [
        RegisteredStream(row[0], row[1], row[2], bool(row[3]))
        # A replay under way has no state, and no raw rows of its own.
        for row in session.rows(
            "SELECT stream_id, name, lanes, partial FROM stream JOIN stream_state USING (stream_id) ORDER BY name"
        )
    ]


def _there(session: Session, stream: RegisteredStream, lane: int, sequence: int) -> bool:
    return bool(raw.sequences(session, stream.name, lane, sequence - 1, sequence, rows=1))


def _source(session: Session, source_id: int) -> tuple[str, int]:
    found = session.one(
        "SELECT COALESCE(o.topic, p.file), COALESCE(o.kafka_partition, p.part) FROM source s "
        "LEFT JOIN source_offset o USING (source_id) LEFT JOIN snapshot_part p USING (source_id) WHERE source_id = %s",
        (source_id,),
    )
    return (found[0], int(found[1])) if found else ("unknown", 0)


def _outcome(session: Session, place: Place) -> str:
    """What became of a row: parked and rejected rows are known one by one, the others by the watermark."""
    found = session.one(
        "SELECT p.applied, o.outcome FROM lane_progress p LEFT JOIN row_outcome o ON o.stream_id = p.stream_id "
        "AND o.lane = p.lane AND o.sequence = %s WHERE p.stream_id = %s AND p.lane = %s",
        (place.sequence, place.stream.stream_id, place.lane),
    )
    applied, outcome = found or (0, None)
    return _named(outcome) if outcome is not None else ("done" if place.sequence <= applied else "pending")


def _named(outcome: int) -> str:
    return "done" if outcome == Outcome.APPLIED else Outcome(outcome).name.lower()


def _failure(session: Session, place: Place) -> Failure | None:
    found = session.one(
        "SELECT t.pattern_id, t.hash, t.state, t.stage, t.code, t.field_path, t.shape, r.detail, r.version, "
        "r.rejected_at FROM reject r JOIN reject_pattern t USING (pattern_id) "
        "WHERE r.stream_id = %s AND r.lane = %s AND r.sequence = %s",
        (place.stream.stream_id, place.lane, place.sequence),
    )
    return None if found is None else Failure(tuple(decisions(session, found[0])), *found[1:])


def _attempts(session: Session, place: Place) -> tuple[RowAttempt, ...]:
    rows: list[tuple[Any, ...]] = session.rows(
        "SELECT a.attempt_id, a.who, a.version, a.started_at, w.outcome, t.hash FROM redrive_row w "
        "JOIN redrive_attempt a USING (attempt_id) LEFT JOIN reject_pattern t ON t.pattern_id = w.pattern_id "
        "WHERE w.stream_id = %s AND w.lane = %s AND w.sequence = %s ORDER BY a.attempt_id",
        (place.stream.stream_id, place.lane, place.sequence),
    )
    return tuple(RowAttempt(_named(row[4]), row[5], *row[:4]) for row in rows)


def _later(database: Database, place: Place, key: bytes) -> Iterator[LaterRow]:
    with database.transaction() as session:
        found = session.one(
            "SELECT head FROM lane_head WHERE stream_id = %s AND lane = %s", (place.stream.stream_id, place.lane)
        )
    head = found[0] if found else place.sequence
    known, after = KeyLook(frozenset([key]), head, 0), place.sequence
    while after < head and len(known.rows.get(key, [])) < _LATER:
        with database.transaction() as session:
            after = learn(session, place.stream, place.lane, known, after=after, up_to=head, every=True)
    with database.transaction() as session:
        for sequence in known.rows.get(key, [])[:_LATER]:
            one = Place(place.stream, place.lane, sequence)
            source_id, offset = session.one(
                f"SELECT source_id, source_offset FROM {quoted(table_of(place.stream.name))} "
                "WHERE lane = %s AND sequence = %s",
                (place.lane, sequence),
            ) or (0, 0)
            source, partition = _source(session, source_id)
            yield LaterRow(sequence, source, partition, offset, _outcome(session, one))
