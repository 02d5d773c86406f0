"""Streams as a loaded snapshot leaves them: registered, one partition each, and every lane open."""

from db.engine import Database
from db.registry import StreamDefinition, register
from migration_core import sequence
from migration_core.mapping import CompiledMapping


def register_open(database: Database, mapping: CompiledMapping) -> None:
    """Every stream of the mapping, read up to offset 0 of its first topic."""
    for name, stream in mapping.streams.items():
        definition = StreamDefinition(name, stream.lanes, stream.key_version, stream.partial, mapping.hash)
        stream_id = register(database, definition).stream_id
        with database.transaction() as session:
            session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream_id,))
            session.execute(
                "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
                "end_offset, next_offset) VALUES (%s, %s, %s, 'id', 0, 0, 0, 0)",
                (session.inserted_id(), stream_id, stream.topics[0]),
            )
            session.execute("UPDATE stream_counter SET generation = 2 WHERE stream_id = %s", (stream_id,))
            session.execute(
                "UPDATE lane_progress SET open_to = %s WHERE stream_id = %s", (sequence.last_of(2), stream_id)
            )
