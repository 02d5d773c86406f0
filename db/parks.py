"""Parked keys: rows that wait, in sequence, behind a reject or for a unique value that another entity still holds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from db.bulk import quoted
from db.engine import Session
from db.raw import table_of
from migration_core.lane import key_hash
from migration_core.outcome import Outcome

BEHIND_REJECT = "behind_reject"
PENDING_UNIQUE = "pending_unique"
_LONGEST_WAIT_SECONDS = 60
"""More than any wait between two tries."""


@dataclass(frozen=True, slots=True)
class Park:
    """One parked key; `first_sequence` is the row that parked it."""

    lane: int
    entity_key: bytes
    first_sequence: int
    reason: str
    tries: int
    detail: str


def parks_of(session: Session, stream_id: int, lane: int, keys: Collection[bytes]) -> dict[bytes, Park]:
    """Which of `keys` are parked now."""
    if not keys:
        return {}
    marks = ", ".join(["%s"] * len(keys))
    rows = session.rows(
        "SELECT lane, entity_key, first_sequence, reason, tries, detail FROM parked_key "
        f"WHERE stream_id = %s AND lane = %s AND entity_key IN ({marks})",
        (stream_id, lane, *keys),
    )
    return {bytes(row[1]): Park(*row) for row in rows}


def due(session: Session, stream_id: int, lane: int, *, limit: int) -> list[Park]:
    """Keys of a lane that wait for a unique value and may be tried again now.

    A time further away than any wait was set before the server's clock was put back: it is over as well.
    """
    rows = session.rows(
        "SELECT lane, entity_key, first_sequence, reason, tries, detail FROM parked_key "
        "WHERE stream_id = %s AND lane = %s AND reason = %s "
        "AND next_try_at NOT BETWEEN NOW(6) AND NOW(6) + INTERVAL %s SECOND ORDER BY first_sequence LIMIT %s",
        (stream_id, lane, PENDING_UNIQUE, _LONGEST_WAIT_SECONDS, limit),
    )
    return [Park(*row) for row in rows]


def park(session: Session, stream_id: int, parks: Sequence[Park]) -> None:
    """Park keys that were free."""
    for one in parks:
        session.execute(
            "INSERT INTO parked_key (stream_id, lane, entity_key, key_hash, first_sequence, reason, detail) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                stream_id,
                one.lane,
                one.entity_key,
                key_hash(one.entity_key),
                one.first_sequence,
                one.reason,
                one.detail[:1000],
            ),
        )


def try_later(session: Session, stream_id: int, one: Park, *, seconds: float, counts: bool = True) -> None:
    """Wait before the next try; the one in vain is counted, unless it could not decide anything."""
    session.execute(
        "UPDATE parked_key SET tries = tries + %s, next_try_at = NOW(6) + INTERVAL %s MICROSECOND "
        "WHERE stream_id = %s AND lane = %s AND entity_key = %s",
        (int(counts), int(seconds * 1_000_000), stream_id, one.lane, one.entity_key),
    )


def release(session: Session, stream_id: int, stream: str, lane: int, keys: Collection[bytes]) -> int:
    """End the parks of `keys` and forget that their rows were parked; how many rows that were."""
    released = 0
    for key in sorted(keys):
        session.execute(
            "DELETE FROM parked_key WHERE stream_id = %s AND lane = %s AND entity_key = %s", (stream_id, lane, key)
        )
        # Two keys may share a hash, so the bytes in raw decide.
        released += session.execute(
            f"DELETE o FROM row_outcome o JOIN {quoted(table_of(stream))} r "
            "ON r.lane = o.lane AND r.sequence = o.sequence "
            "WHERE o.stream_id = %s AND o.lane = %s AND o.key_hash = %s AND o.outcome = %s AND r.entity_key = %s",
            (stream_id, lane, key_hash(key), int(Outcome.PARKED), key),
        )
    return released


def begin_at(session: Session, stream_id: int, lane: int, key: bytes, first_sequence: int) -> None:
    """A key that is parked waits from this row on; those before it have left."""
    session.execute(
        "UPDATE parked_key SET first_sequence = %s WHERE stream_id = %s AND lane = %s AND entity_key = %s",
        (first_sequence, stream_id, lane, key),
    )


def end(session: Session, stream_id: int, lane: int, key: bytes) -> None:
    """The key is free; its rows have their outcomes already."""
    session.execute(
        "DELETE FROM parked_key WHERE stream_id = %s AND lane = %s AND entity_key = %s", (stream_id, lane, key)
    )


def released_in_part(session: Session, stream_id: int, lane: int) -> list[bytes]:
    """Keys whose first row waits and is no reject: rows before it have left, and nothing is in its way."""
    rows = session.rows(
        "SELECT p.entity_key FROM parked_key p JOIN row_outcome o ON o.stream_id = p.stream_id AND o.lane = p.lane "
        "AND o.sequence = p.first_sequence WHERE p.stream_id = %s AND p.lane = %s AND p.reason = %s "
        "AND o.outcome = %s ORDER BY p.first_sequence",
        (stream_id, lane, BEHIND_REJECT, int(Outcome.PARKED)),
    )
    return [bytes(key) for (key,) in rows]


def behind_pattern(session: Session, stream_id: int, lane: int, pattern_id: int, *, limit: int) -> list[bytes]:
    """Keys of a lane that wait behind a reject of this pattern."""
    rows = session.rows(
        "SELECT p.entity_key FROM parked_key p JOIN reject r ON r.stream_id = p.stream_id AND r.lane = p.lane "
        "AND r.sequence = p.first_sequence WHERE p.stream_id = %s AND p.lane = %s AND p.reason = %s "
        "AND r.pattern_id = %s LIMIT %s",
        (stream_id, lane, BEHIND_REJECT, pattern_id, limit),
    )
    return [bytes(key) for (key,) in rows]


def waiting(session: Session, stream_id: int, stream: str, lane: int, key: bytes, *, limit: int) -> list[int]:
    """The sequences of a key's parked rows, the oldest first."""
    rows = session.rows(
        f"SELECT o.sequence FROM row_outcome o JOIN {quoted(table_of(stream))} r "
        "ON r.lane = o.lane AND r.sequence = o.sequence "
        "WHERE o.stream_id = %s AND o.lane = %s AND o.key_hash = %s AND o.outcome = %s AND r.entity_key = %s "
        "ORDER BY o.sequence LIMIT %s",
        (stream_id, lane, key_hash(key), int(Outcome.PARKED), key, limit),
    )
    return [sequence for (sequence,) in rows]
