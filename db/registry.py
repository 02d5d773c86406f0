"""Streams as the server knows them: registered once, with all their lanes, and refused when they changed."""

from dataclasses import dataclass

from db import raw
from db.bulk import quoted
from db.engine import Database, Session
from migration_core.errors import ConfigError, Halted
from migration_core.key import KEY_VERSION


@dataclass(frozen=True, slots=True)
class StreamDefinition:
    """What a mapping says of a stream and what may never change once rows are stored."""

    name: str
    lanes: int
    key_version: int
    partial: bool
    mapping_hash: str


@dataclass(frozen=True, slots=True)
class RegisteredStream:
    """A stream of this control schema."""

    stream_id: int
    name: str
    lanes: int
    partial: bool


def register(database: Database, definition: StreamDefinition) -> RegisteredStream:
    """Create the stream with its counter, state, lanes and raw table, or find it unchanged; safe to repeat."""
    with database.transaction() as session:
        session.execute(raw.definition(definition.name))  # MySQL commits DDL by itself, so it comes first
    with database.transaction() as session:
        session.execute(
            "INSERT IGNORE INTO stream (name, lanes, key_version, partial, mapping_hash) VALUES (%s, %s, %s, %s, %s)",
            (definition.name, definition.lanes, definition.key_version, definition.partial, definition.mapping_hash),
        )
        found = _locked(session, definition)
        for table in ("stream_counter (stream_id, generation, next_number) VALUES (%s, 1, 0)",):
            session.execute(f"INSERT IGNORE INTO {table}", (found.stream_id,))
        session.execute("INSERT IGNORE INTO stream_state (stream_id) VALUES (%s)", (found.stream_id,))
        lanes = ", ".join(f"({found.stream_id}, {lane})" for lane in range(definition.lanes))
        for table in ("lane_head", "lane_progress"):
            session.execute(f"INSERT IGNORE INTO {quoted(table)} (stream_id, lane) VALUES {lanes}")
        session.execute(
            "UPDATE stream SET mapping_hash = %s WHERE stream_id = %s", (definition.mapping_hash, found.stream_id)
        )
    return found


def registered(database: Database, name: str) -> RegisteredStream:
    """The stream `name`; refused when it was never registered, has keys by other rules, or lacks a lane."""
    with database.transaction() as session:
        found = session.one("SELECT stream_id, lanes, partial, key_version FROM stream WHERE name = %s", (name,))
        if found is None:
            raise ConfigError(f"stream {name!r} is not registered here: run `migration schema upgrade` first")
        if found[3] != KEY_VERSION:
            raise ConfigError(
                f"stream {name!r} has keys by version {found[3]} of the key rules, and this program writes version "
                f"{KEY_VERSION}: run the version of the program that the stream began with"
            )
        stream = RegisteredStream(found[0], name, found[1], bool(found[2]))
        for table in ("lane_head", "lane_progress"):
            count = session.one(f"SELECT COUNT(*) FROM {quoted(table)} WHERE stream_id = %s", (stream.stream_id,))
            if count is None or count[0] != stream.lanes:
                raise Halted(f"{table} has not {stream.lanes} rows for stream {name!r}: restore the control schema")
    return stream


def expect_rules(stored: RegisteredStream, *, lanes: int, partial: bool) -> None:
    """Refuse a mapping by which a stream would be read otherwise than its rows were stored."""
    if (stored.lanes, stored.partial) != (lanes, partial):
        raise ConfigError(
            f"stream {stored.name!r} is registered with {stored.lanes} lanes and changes: "
            f"{'partial' if stored.partial else 'full'}, the mapping says otherwise: write the stored values"
        )


def _locked(session: Session, wanted: StreamDefinition) -> RegisteredStream:
    found = session.one(
        "SELECT stream_id, lanes, key_version, partial FROM stream WHERE name = %s FOR UPDATE", (wanted.name,)
    )
    if found is None:
        raise Halted(f"stream {wanted.name!r} vanished while it was registered")
    stream_id, lanes, key_version, partial = found
    for what, stored, asked in (
        ("lanes", lanes, wanted.lanes),
        ("key version", key_version, wanted.key_version),
        ("changes: partial", bool(partial), wanted.partial),
    ):
        if stored != asked:
            raise ConfigError(
                f"stream {wanted.name!r} was registered with {what} {stored}, the mapping says {asked}: "
                "another value would mix two orders; write the old one, or begin with a fresh control schema"
            )
    return RegisteredStream(stream_id, wanted.name, lanes, bool(partial))
