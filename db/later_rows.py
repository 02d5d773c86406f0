"""Rows of some keys of one lane, found by reading the lane in stretches without its lock."""

from collections.abc import Collection
from dataclasses import dataclass, field

from db.bulk import quoted
from db.engine import Database, Session
from db.raw import table_of
from db.registry import RegisteredStream
from db.sources import held_by_reload
from migration_core.errors import Halted
from migration_core.lane import key_hash

_STRETCH = 50_000
"""Rows that one statement passes, so that none runs for long."""


@dataclass(slots=True)
class KeyLook:
    """What a lane holds of `keys` up to `up_to`; true for as long as the lane's `settled` is the same."""

    keys: frozenset[bytes]
    up_to: int
    settled: int
    newest: dict[bytes, int] = field(default_factory=dict)
    """{key: the newest of its rows that is done}."""
    rows: dict[bytes, list[int]] = field(default_factory=dict)
    """{key: the sequences of all its rows}, where all are asked for."""


def look(
    database: Database, stream: RegisteredStream, lane: int, keys: Collection[bytes], *, after: int, every: bool
) -> KeyLook:
    """Read the lane from behind `after` to its watermark; with `every` all rows of the keys, else the newest done."""
    with database.transaction() as session:
        found = session.one(
            "SELECT applied, settled FROM lane_progress WHERE stream_id = %s AND lane = %s", (stream.stream_id, lane)
        )
    if found is None:
        raise Halted(f"lane {lane} of stream {stream.name!r} has no progress row: restore the control schema")
    known = KeyLook(frozenset(keys), int(found[0]), int(found[1]))
    while after < known.up_to:
        with database.transaction() as session:
            after = learn(session, stream, lane, known, after=after, up_to=known.up_to, every=every)
    return known


def learn(
    session: Session, stream: RegisteredStream, lane: int, known: KeyLook, *, after: int, up_to: int, every: bool
) -> int:
    """Take one stretch of the lane into `known`; where it ended."""
    if not known.keys:
        return up_to
    table = quoted(table_of(stream.name))
    found = session.one(
        f"SELECT MAX(sequence), COUNT(*) FROM (SELECT sequence FROM {table} WHERE lane = %s AND sequence > %s "
        "AND sequence <= %s ORDER BY sequence LIMIT %s) AS stretch",
        (lane, after, up_to, _STRETCH),
    )
    end, count = found or (None, 0)
    if end is None:
        return up_to
    hashes = ", ".join(str(one) for one in sorted({key_hash(key) for key in known.keys}))
    where = f"FROM {table} r WHERE r.lane = %s AND r.sequence > %s AND r.sequence <= %s AND r.key_hash IN ({hashes})"
    if every:
        rows = session.rows(f"SELECT r.entity_key, r.sequence {where} ORDER BY r.sequence", (lane, after, end))
        for key, sequence in rows:
            if bytes(key) in known.keys:
                known.rows.setdefault(bytes(key), []).append(sequence)
    else:
        rows = session.rows(
            f"SELECT r.entity_key, MAX(r.sequence) {where} AND NOT EXISTS (SELECT 1 FROM row_outcome o WHERE "
            "o.stream_id = %s AND o.lane = r.lane AND o.sequence = r.sequence) "
            # What a reload's snapshot holds already was superseded by it, however much newer its sequence is.
            f"AND NOT {held_by_reload(stream.stream_id, 'r')} GROUP BY r.entity_key",
            (lane, after, end, stream.stream_id),
        )
        known.newest.update((bytes(key), sequence) for key, sequence in rows if key is not None)
    return up_to if count < _STRETCH else int(end)
