"""What topics hold, as a plain consumer reads it that knows nothing of the program's own reader."""

from collections.abc import Iterable, Mapping
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition

from kafka_log.watermarks import LogView
from migration_core.headers import encode_headers

RawRecord = tuple[str, int, int, bytes | None, bytes | None, bytes | None, int | None]
"""(topic, partition, offset, key, value, headers, time)."""


def committed_records(
    config: Mapping[str, str], topics: Iterable[str], starts: Mapping[tuple[str, int], int] | None = None
) -> list[RawRecord]:
    """Every record that a read_committed consumer reads from the beginning, or from `starts`, to the end; sorted."""
    view = LogView(config)
    places = [(topic, p) for topic, one in view.describe(topics).items() for p in one.partitions]
    marks = view.watermarks(places)
    consumer = Consumer(
        {
            **config,
            "group.id": f"independent-{uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([TopicPartition(*place, (starts or {}).get(place, marks[place].low)) for place in places])
    found: list[RawRecord] = []
    open_ends = set(places)
    while open_ends:
        message = consumer.poll(20)
        assert message is not None, f"{open_ends} did not end"
        place = (message.topic(), message.partition())
        if message.error():
            open_ends.discard(place)
            continue
        kind, moment = message.timestamp()
        content = (message.key(), message.value(), encode_headers(message.headers()), moment if kind else None)
        found.append((*place, message.offset(), *content))
    consumer.close()
    return sorted(found, key=lambda record: record[:3])
