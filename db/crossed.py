"""Keys that stand in two partitions of a topic, found lane by lane from the raw rows."""

import json
from dataclasses import dataclass

from db.bulk import quoted
from db.engine import Database, Session
from db.raw import table_of
from migration_core.crossed import LISTED, CrossedKey, CrossedLane
from migration_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LaneToLook:
    """A lane to which rows have come since it was last looked at."""

    stream_id: int
    stream: str
    lane: int
    head: int
    rows: int


def lanes_to_look(database: Database) -> list[LaneToLook]:
    """Every lane of the topics' streams that has rows which were not looked at."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT h.stream_id, s.name, h.lane, h.head, h.`rows` FROM lane_head h JOIN stream s USING (stream_id) "
            "JOIN stream_state USING (stream_id) LEFT JOIN crossed_lane c USING (stream_id, lane) "
            "WHERE h.head > COALESCE(c.looked_to, 0) ORDER BY s.name, h.lane"
        )
    return [LaneToLook(stream_id, stream, lane, head, int(count)) for stream_id, stream, lane, head, count in rows]


def hashes_in_two(database: Database, lane: LaneToLook, hashes: tuple[int, int]) -> list[int]:
    """The hashes within a range whose rows stand in more than one partition of a topic, up to the head of the look."""
    with database.transaction() as session:
        rows = session.rows(
            f"SELECT r.key_hash FROM {quoted(table_of(lane.stream))} r JOIN source_offset o USING (source_id) "
            "WHERE r.lane = %s AND r.sequence <= %s AND r.key_hash BETWEEN %s AND %s AND r.entity_key IS NOT NULL "
            "GROUP BY r.key_hash, o.topic HAVING MIN(o.kafka_partition) <> MAX(o.kafka_partition)",
            (lane.lane, lane.head, *hashes),
        )
    return sorted({key_hash for (key_hash,) in rows})


def keys_of(database: Database, lane: LaneToLook, hashes: list[int]) -> list[CrossedKey]:
    """The keys with these hashes that do stand in two partitions: unequal keys may share a hash."""
    if not hashes:
        return []
    with database.transaction() as session:
        rows = session.rows(
            "SELECT r.entity_key, o.topic, o.kafka_partition, COUNT(*) "
            f"FROM {quoted(table_of(lane.stream))} r JOIN source_offset o USING (source_id) "
            f"WHERE r.lane = %s AND r.sequence <= %s AND r.key_hash IN ({', '.join(map(str, hashes))}) "
            "AND r.entity_key IS NOT NULL GROUP BY r.entity_key, o.topic, o.kafka_partition "
            "ORDER BY r.entity_key, o.topic, o.kafka_partition",
            (lane.lane, lane.head),
        )
    places: dict[tuple[bytes, str], list[tuple[int, int]]] = {}
    for key, topic, partition, count in rows:
        places.setdefault((key, topic), []).append((partition, count))
    return [CrossedKey(key, topic, tuple(found)) for (key, topic), found in places.items() if len(found) > 1]


def store(database: Database, lane: LaneToLook, crossed: int, keys: list[CrossedKey]) -> None:
    """What this look has found takes the place of what the last one had; an acceptance stays."""
    places = [{"key": one.key.hex(), "topic": one.topic, "partitions": one.partitions} for one in keys[:LISTED]]
    with database.transaction() as session:
        session.execute(
            "INSERT INTO crossed_lane (stream_id, lane, looked_to, crossed, places) VALUES (%s, %s, %s, %s, %s) AS new "
            "ON DUPLICATE KEY UPDATE looked_to = new.looked_to, crossed = new.crossed, places = new.places, "
            "looked_at = NOW(6)",
            (lane.stream_id, lane.lane, lane.head, crossed, json.dumps(places)),
        )


def crossed_lanes(session: Session) -> list[CrossedLane]:
    """Every lane that has rows, as it was last looked at."""
    rows = session.rows(
        "SELECT s.name, h.lane, COALESCE(c.crossed, 0), COALESCE(c.accepted, 0), c.accepted_by, c.because, c.places, "
        "c.lane IS NOT NULL FROM lane_head h JOIN stream s USING (stream_id) "
        "JOIN stream_state USING (stream_id) LEFT JOIN crossed_lane c USING (stream_id, lane) WHERE h.head > 0 "
        "ORDER BY s.name, h.lane"
    )
    return [
        CrossedLane(stream, lane, int(crossed), int(accepted), accepted_by, because, _keys(places), bool(looked_at))
        for stream, lane, crossed, accepted, accepted_by, because, places, looked_at in rows
    ]


def accept(database: Database, stream: str, *, who: str, because: str) -> int:
    """Let the keys that were found so far pass on a person's word; how many they are. More of them shut the gate."""
    with database.transaction() as session:
        found = session.one(
            "SELECT COUNT(*), COALESCE(SUM(c.crossed), 0) FROM crossed_lane c JOIN stream s USING (stream_id) "
            "WHERE s.name = %s AND c.crossed > 0",
            (stream,),
        )
        if found is None or not found[0]:
            raise ConfigError(f"no key of stream {stream!r} is known to stand in two partitions: `migration keys list`")
        session.execute(
            "UPDATE crossed_lane c JOIN stream s USING (stream_id) SET c.accepted = c.crossed, c.accepted_by = %s, "
            "c.because = %s, c.accepted_at = NOW(6) WHERE s.name = %s",
            (who[:100], because[:1000], stream),
        )
    return int(found[1])


def _keys(places: str | None) -> tuple[CrossedKey, ...]:
    return tuple(
        CrossedKey(bytes.fromhex(one["key"]), one["topic"], tuple((place, rows) for place, rows in one["partitions"]))
        for one in (json.loads(places) if places else ())
    )
