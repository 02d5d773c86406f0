"""Reading, asking and writing against a real Kafka."""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from kafka_log.failure import PartitionBroken, TopicMissing
from kafka_log.probe import records_at
from kafka_log.producer import LogWriter
from kafka_log.reader import LogReader, Start
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from migration_core.errors import ConfigError, Transient
from migration_core.headers import decode_headers
from migration_core.records import Received
from tests.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def config(servers) -> dict[str, str]:
    return {"bootstrap.servers": servers.kafka_bootstrap}


@pytest.fixture
def admin(config) -> TopicAdmin:
    return TopicAdmin(config)


@pytest.fixture
def view(config) -> LogView:
    return LogView(config)


@pytest.fixture
def log_topic(admin) -> Iterator[str]:
    """A topic of two partitions."""
    name = f"log-{uuid.uuid4().hex[:12]}"
    admin.create(name, partitions=2)
    yield name
    admin.delete(name)


@pytest.fixture
def writer(config) -> LogWriter:
    return LogWriter(config)


@pytest.fixture
def reader(config) -> Iterator[LogReader]:
    reader = LogReader(config)
    yield reader
    reader.close()


def read_to_end(reader: LogReader, partitions: int, seconds: float = 60) -> tuple[dict[int, list[Received]], dict]:
    """Everything until each partition said where it ends, and those offsets."""
    records: dict[int, list[Received]] = {}
    ends: dict[int, int | None] = {}
    until = time.monotonic() + seconds
    while len([end for end in ends.values() if end is not None]) < partitions:
        assert time.monotonic() < until, f"only {ends} ended"
        for batch in reader.read(1000, 0.2):
            records.setdefault(batch.partition, []).extend(batch.records)
            ends[batch.partition] = batch.at_end
    return records, ends


def test_a_record_comes_out_byte_for_byte_as_it_went_in(log_topic, writer, reader):
    headers = [("trace", b"\x00\xff"), ("trace", None), ("empty", b""), ("naïve", "é".encode())]
    writer.produce(log_topic, b"\x00value\xff", key=b"\x80key", partition=0, headers=headers, time=1_700_000_000_123)
    writer.produce(log_topic, b"", key=b"", partition=0)
    writer.produce(log_topic, None, key=b"gone", partition=0)
    writer.produce(log_topic, b"no key", key=None, partition=0)
    writer.flush()

    reader.assign([Start(log_topic, 0, 0)])
    records, ends = read_to_end(reader, 1)

    first, *others = records[0]
    assert first[:3] == (0, b"\x80key", b"\x00value\xff")
    assert decode_headers(first.headers) == headers
    assert (first.time, first.time_type) == (1_700_000_000_123, 1)
    assert [record[:4] for record in others] == [
        (1, b"", b"", None),
        (2, b"gone", None, None),
        (3, None, b"no key", None),
    ]
    assert ends == {0: 4}


def test_reading_begins_exactly_where_it_is_told_to(log_topic, writer, reader):
    for number in range(20):
        writer.produce(log_topic, b"%d" % number, partition=number % 2)
    writer.flush()

    reader.assign([Start(log_topic, 0, 7, 0), Start(log_topic, 1, 3, 0)])
    records, _ = read_to_end(reader, 2)

    assert [record.source_offset for record in records[0]] == [7, 8, 9]
    assert [record.source_offset for record in records[1]] == [3, 4, 5, 6, 7, 8, 9]


def test_a_batch_says_where_reading_goes_on_behind_it(log_topic, writer, reader):
    for number in range(10):
        writer.produce(log_topic, b"%d" % number, partition=0)
    writer.flush()
    reader.assign([Start(log_topic, 0, 0, 0)])

    (batch,) = reader.read(4, 20)

    assert [record.source_offset for record in batch.records] == [0, 1, 2, 3][: len(batch.records)]
    assert batch.next_offset == len(batch.records) > 0
    assert (batch.leader_epoch, batch.at_end) == (0, None)


def test_a_read_waits_for_one_record_only(log_topic, writer, reader):
    reader.assign([Start(log_topic, 0, 0)])
    read_to_end(reader, 1)
    writer.produce(log_topic, b"one", partition=0)
    writer.flush()

    began = time.monotonic()
    found = reader.read(1000, 120)

    assert [record.value for batch in found for record in batch.records] == [b"one"]
    assert time.monotonic() - began < 60  # half of what it would wait for all of them


def test_aborted_records_are_never_seen_and_the_end_lies_behind_them(config, log_topic, reader, view):
    writer = LogWriter(config, transactional_id=f"writer-{log_topic}")
    for outcome in (writer.commit, writer.abort):
        writer.begin()
        for number in range(3):
            writer.produce(log_topic, b"%d" % number, partition=0)
        outcome()

    def settled() -> bool:
        mark = view.watermarks([(log_topic, 0)])[log_topic, 0]
        return mark.last_stable == mark.high

    until(settled, "the brokers have written the markers")
    reader.assign([Start(log_topic, 0, 0)])
    records, ends = read_to_end(reader, 1)

    assert [record.source_offset for record in records[0]] == [0, 1, 2]
    assert ends[0] == view.watermarks([(log_topic, 0)])[log_topic, 0].high == 8  # two markers among them


def test_an_open_transaction_holds_the_stable_end_back(config, log_topic, view):
    writer = LogWriter(config, transactional_id=f"writer-{log_topic}")
    writer.begin()
    writer.produce(log_topic, b"open", partition=0)
    writer.flush()

    mark = view.watermarks([(log_topic, 0)])[log_topic, 0]
    captured = view.offsets_now([log_topic])

    assert (mark.low, mark.last_stable, mark.high) == (0, 0, 1)
    assert [(one.partition, one.offset) for one in captured] == [(0, 0), (1, 0)]
    writer.abort()


def test_a_position_that_retention_took_is_fatal_for_its_partition(admin, log_topic, writer, reader, view):
    for _ in range(10):
        writer.produce(log_topic, b"x", partition=1)
    writer.flush()
    admin.delete_records(log_topic, 1, 6)

    reader.assign([Start(log_topic, 1, 2, 0)])
    with pytest.raises(PartitionBroken) as broken:
        read_to_end(reader, 1)

    assert (broken.value.topic, broken.value.partition) == (log_topic, 1)
    assert view.watermarks([(log_topic, 1)])[log_topic, 1].low == 6


def test_a_position_behind_the_end_is_fatal_and_never_reset(log_topic, writer, reader):
    writer.produce(log_topic, b"x", partition=0)
    writer.flush()

    reader.assign([Start(log_topic, 0, 5)])

    with pytest.raises(PartitionBroken, match=rf"{log_topic}\[0\]"):
        read_to_end(reader, 1)


def test_a_leader_epoch_that_the_log_does_not_know_shows_truncation(log_topic, writer, reader):
    for _ in range(10):
        writer.produce(log_topic, b"x", partition=0)
    writer.flush()

    reader.assign([Start(log_topic, 0, 5, leader_epoch=99)])

    with pytest.raises(PartitionBroken, match="truncation"):
        read_to_end(reader, 1)


def test_a_topic_made_anew_has_another_id(admin, log_topic, view):
    before = view.describe([log_topic, "no-such-topic"])
    admin.delete(log_topic)
    admin.create(log_topic, partitions=3)

    after = view.describe([log_topic])

    assert before.keys() == {log_topic}
    assert before[log_topic].topic_id != after[log_topic].topic_id
    assert (before[log_topic].partitions, after[log_topic].partitions) == ((0, 1), (0, 1, 2))


def test_partitions_that_are_added_show(admin, log_topic, view):
    admin.add_partitions(log_topic, 5)

    assert view.describe([log_topic])[log_topic].partitions == (0, 1, 2, 3, 4)


def test_missing_partitions_have_no_watermarks_and_missing_topics_no_vector(log_topic, view):
    assert view.watermarks([(log_topic, 0), (log_topic, 9), ("no-such-topic", 0)]).keys() == {(log_topic, 0)}
    with pytest.raises(TopicMissing, match="no-such-topic"):
        view.offsets_now([log_topic, "no-such-topic"])


def test_how_a_topic_forgets_is_read_from_its_settings(admin, log_topic, view):
    before = view.retention([log_topic])[log_topic]
    admin.configure(
        log_topic, {"cleanup.policy": "compact,delete", "delete.retention.ms": "60000", "retention.ms": "120000"}
    )

    after = view.retention([log_topic])[log_topic]

    assert (before.compacted, before.kept, before.tombstones_kept) == (
        False,
        timedelta(days=7),
        timedelta(days=1),
    )
    assert (after.compacted, after.kept, after.tombstones_kept) == (
        True,
        timedelta(minutes=2),
        timedelta(minutes=1),
    )


def test_a_writer_says_where_its_records_went(log_topic, writer):
    places: list[tuple[int, int]] = []
    for number in range(3):
        writer.produce(log_topic, b"x", partition=number % 2, delivered=lambda *place: places.append(place))
    writer.flush()

    assert sorted(places) == [(0, 0), (0, 1), (1, 0)]


def test_single_records_are_read_again_where_the_log_still_holds_them(config, admin, log_topic, writer):
    admin.add_partitions(log_topic, 40)
    for number in range(8000):
        writer.produce(log_topic, b"%d" % number, partition=number % 40)
    writer.flush()
    admin.delete_records(log_topic, 7, 100)

    offsets = {(log_topic, partition): 150 for partition in range(39)} | {(log_topic, 39): 200}
    found = records_at(config, offsets)
    with pytest.raises(Transient, match=rf"{log_topic}\[7\]"):
        records_at(config, {(log_topic, 7): 50})

    assert found.keys() == offsets.keys() - {(log_topic, 39)}
    assert {place[1]: record.value for place, record in found.items()} == {p: b"%d" % (6000 + p) for p in range(39)}


def test_the_settings_of_the_guarantee_cannot_be_set_from_outside(config):
    with pytest.raises(ConfigError, match=r"isolation\.level"):
        LogReader(config | {"isolation.level": "read_uncommitted"})
