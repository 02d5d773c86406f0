"""How far each partition is stored."""

from db.engine import Database


def positions(database: Database) -> dict[tuple[str, int], int]:
    """{(topic, partition): offset of the next record to be stored}."""
    with database.transaction() as session:
        rows = session.rows("SELECT topic, kafka_partition, next_offset FROM source_offset")
    return {(topic, partition): offset for topic, partition, offset in rows}


def start_positions(database: Database) -> dict[tuple[str, int], int]:
    """{(topic, partition): offset from which the stream was to be read}."""
    with database.transaction() as session:
        rows = session.rows("SELECT topic, kafka_partition, start_offset FROM source_offset")
    return {(topic, partition): offset for topic, partition, offset in rows}
