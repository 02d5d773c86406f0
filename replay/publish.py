"""The legacy platform's side of a replay: its topics, what they hold before, and its live changes; resumable."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from threading import Event

from examples.scenario import LogRecord, Scenario, SourceRecord, Topic
from kafka_log.producer import LogWriter
from kafka_log.reader import LogReader, Start
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView, Partition
from runtime.retry import patiently

_TOLD_EVERY = 1000
_LEADER_PATIENCE = timedelta(seconds=20)
_STORED_WITHIN_SECONDS = 60.0


def create_topics(config: Mapping[str, str], topics: Iterable[Topic]) -> None:
    """Create those that do not exist."""
    there = LogView(config).topics()
    admin = TopicAdmin(config)
    for topic in topics:
        if topic.name not in there:
            admin.create(topic.name, partitions=topic.partitions, config=topic.config)


def stored(config: Mapping[str, str], topics: Iterable[Topic]) -> Counter[Partition]:
    """How many records each partition holds: nothing is ever deleted from a replay's topics."""
    places = [(topic.name, partition) for topic in topics for partition in range(topic.partitions)]
    view = LogView(config)
    # A topic that was made just now may have no leader for a moment.
    marks = patiently(lambda: view.watermarks(places), stop=Event(), what="the topics", patience=_LEADER_PATIENCE)
    return Counter({place: mark.high for place, mark in marks.items()})


def publish(
    config: Mapping[str, str],
    records: Iterable[SourceRecord],
    already: Counter[Partition],
    *,
    live: bool = False,
    stop: Event | None = None,
    patience: float = _STORED_WITHIN_SECONDS,
    pace: Callable[[int], None] = lambda _count: None,
    told: Callable[[int], None] = lambda _count: None,
) -> int:
    """Produce what is not stored yet; `already` loses what was skipped, so that a later call goes on from there.

    `live` records bear the moment at which they are produced, so that lag can be told, except for times to come.

    `pace` is called with the number of produced records before each one and may wait. Brokers may keep the last ones
    waiting for `patience` seconds.
    """
    writer = LogWriter(config)
    count = 0
    for record in records:
        place = (record.topic, record.partition)
        if already[place] > 0:
            already[place] -= 1
            continue
        if stop is not None and stop.is_set():
            break
        pace(count)
        when = None if live and record.time < time.time() * 1000 else record.time
        writer.produce(record.topic, record.value, key=record.key, partition=record.partition, time=when)
        count += 1
        if count % _TOLD_EVERY == 0:
            told(count)
    writer.flush(patience)
    return count


def ends(config: Mapping[str, str], scenario: Scenario) -> dict[Partition, int]:
    """Where every partition ends now."""
    return dict(stored(config, scenario.topics))


def read_log(
    config: Mapping[str, str], starts: Mapping[Partition, int], until: Mapping[Partition, int]
) -> Iterator[LogRecord]:
    """Every record between two vectors, each partition in offset order, read by a plain consumer."""
    for (topic, partition), end in sorted(until.items()):
        begin = starts.get((topic, partition), 0)
        if begin >= end:
            continue
        reader = LogReader(config)
        reader.assign([Start(topic, partition, begin)])
        place = begin
        while place < end:
            for batch in reader.read(10_000, 5.0):
                for record in batch.records:
                    yield LogRecord(
                        topic, partition, record.source_offset, record.record_key, record.value, record.time
                    )
                place = batch.at_end or batch.next_offset
        reader.close()
