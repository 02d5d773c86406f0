"""Sources as they stand where the stream alone carries an example."""

from collections.abc import Mapping, Sequence

from db.engine import Database
from kafka_log.watermarks import LogView
from migration_core import sequence


def register_from_zero(database: Database, config: Mapping[str, str], topics: Sequence[str]) -> None:
    """Every partition from its beginning, with its stream open."""
    described = LogView(config).describe(topics)
    with database.transaction() as session:
        for topic, description in described.items():
            ((stream_id,),) = session.rows("SELECT stream_id FROM stream WHERE name = %s", (topic.rpartition(".")[2],))
            for partition in description.partitions:
                session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream_id,))
                session.execute(
                    "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, "
                    "start_offset, end_offset, next_offset) VALUES (%s, %s, %s, %s, %s, 0, 0, 0)",
                    (session.inserted_id(), stream_id, topic, description.topic_id, partition),
                )
            session.execute("UPDATE stream_counter SET generation = 2 WHERE stream_id = %s", (stream_id,))
            session.execute(
                "UPDATE lane_progress SET open_to = %s WHERE stream_id = %s", (sequence.last_of(2), stream_id)
            )
