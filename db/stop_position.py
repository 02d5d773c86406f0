"""Where ingest of a stream stops, exactly: a position that the master's own transaction looks at."""

import json

from db.engine import Database, Session
from migration_core.errors import ConfigError, Transient
from migration_core.stops import Stops, as_json, of_json


class StopSet(Transient):
    """A stop was set below what this transaction would store: begin again, and read up to it."""


def stops(database: Database) -> dict[tuple[str, int], int]:
    """Of all streams."""
    with database.transaction() as session:
        rows = session.rows("SELECT stop_position FROM stream_state WHERE stop_position IS NOT NULL")
    return {place: offset for (stored,) in rows for place, offset in stops_in(stored).items()}


def stops_of(session: Session, stream_id: int) -> dict[tuple[str, int], int]:
    """Of one stream, locked until the transaction ends."""
    found = session.one("SELECT stop_position FROM stream_state WHERE stream_id = %s FOR UPDATE", (stream_id,))
    return stops_in(found[0] if found else None)


def stops_in(stored: str | None) -> dict[tuple[str, int], int]:
    """What a row of `stream_state` says."""
    return of_json(json.loads(stored)) if stored else {}


def set_stops(session: Session, stream_id: int, wanted: Stops) -> None:
    """Stop at these positions besides those that are set; refused where more than that is stored already."""
    # The offsets first, as the master locks them: nothing can be stored past a stop once this has committed.
    rows = session.rows(
        "SELECT topic, kafka_partition, next_offset FROM source_offset WHERE stream_id = %s FOR UPDATE", (stream_id,)
    )
    stored = {(topic, partition): offset for topic, partition, offset in rows}
    for place, offset in wanted.items():
        name = f"{place[0]}[{place[1]}]"
        if place not in stored:
            known = ", ".join(f"{topic}:{partition}" for topic, partition in sorted(stored)) or "none"
            raise ConfigError(f"the stream reads no {name}; it reads {known}")
        if stored[place] > offset:
            raise ConfigError(f"{name} is stored up to {stored[place] - 1} already: {offset} is too late")
    merged = {**stops_of(session, stream_id), **wanted}
    session.execute(
        "UPDATE stream_state SET stop_position = %s WHERE stream_id = %s", (json.dumps(as_json(merged)), stream_id)
    )


def clear_stops(session: Session, stream_id: int) -> None:
    """Ingest goes on."""
    session.execute("UPDATE stream_state SET stop_position = NULL WHERE stream_id = %s", (stream_id,))
