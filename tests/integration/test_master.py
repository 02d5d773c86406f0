"""The master on real servers: every committed record once, unchanged and in order."""

from collections import Counter
from zlib import crc32

import pytest

from kafka_log.producer import LogWriter
from kafka_log.watermarks import CapturedOffset
from migration_core.errors import Transient
from tests.integration.legacy_topics import LANES, complete, drain, legacy_topics, turns, write

pytestmark = pytest.mark.servers


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        yield found


class TestStoring:
    def test_every_record_is_stored_once_with_its_bytes_its_lane_and_its_order(self, legacy):
        topic = legacy.stream(partitions=3)
        legacy.capture()
        writer = LogWriter(legacy.config)
        write(legacy, topic, 300, partitions=3)
        writer.produce(topic, None, key=b'{"id": "u1"}', partition=1, headers=[("op", b"\xff"), ("op", None)])
        writer.produce(topic, b"", key=b'{"id": "u1"}', partition=1)
        writer.produce(topic, b"tab\tnewline\nbackslash\\\x00\xff", key=b'{"id": "u\\u0001"}', partition=2)
        writer.produce(topic, b'{"id": "u2"}', key=None, partition=0)
        writer.produce(topic, b'{"id": "u2"}', key=b"not json", partition=0, time=5)
        writer.close()

        drain(legacy.master(), legacy)

        complete(legacy)
        rows = legacy.rows(
            "SELECT lane, entity_key, sequence, source_id, source_offset FROM raw_users ORDER BY sequence"
        )
        assert all(lane == (0 if key is None else crc32(key) % LANES) for lane, key, *_ in rows)
        assert sum(key is None for _, key, *_ in rows) == 2
        assert len({row[2] for row in rows}) == len(rows)
        for source in {row[3] for row in rows}:
            offsets = [row[4] for row in rows if row[3] == source]
            assert offsets == sorted(offsets)

    def test_ingest_begins_at_the_captured_offsets_and_not_before(self, legacy):
        topic = legacy.stream()
        write(legacy, topic, 20)
        (start,) = legacy.capture()
        write(legacy, topic, 10, first=20)

        drain(legacy.master(), legacy)

        assert [record[2] for record in legacy.stored()] == list(range(20, 30))
        assert start.offset == 20

    def test_aborted_records_are_not_stored_and_the_position_passes_their_markers(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        writer = LogWriter(legacy.config, transactional_id=legacy.name)
        for act in (writer.commit, writer.abort, writer.commit, writer.abort):
            writer.begin()
            for number in range(5):
                writer.produce(topic, b'{"id": "u"}', key=b'{"id": "u"}', partition=number % 2)
            act()
        legacy.settle()
        master = legacy.master()

        drain(master, legacy)
        master.close()
        restarted = legacy.master()
        restarted.turn()
        restarted.check()

        complete(legacy)
        assert len(legacy.stored()) == 10
        assert legacy.offsets() == {(topic, 0): 16, (topic, 1): 12}

    def test_records_behind_an_open_transaction_wait_for_its_end(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        writer = LogWriter(legacy.config, transactional_id=legacy.name)
        writer.begin()
        writer.produce(topic, b"{}", key=b'{"id": "open"}', partition=0)
        writer.flush()
        write(legacy, topic, 5)
        master = legacy.master()

        turns(master, 4)
        waiting = legacy.offsets()
        writer.commit()
        legacy.settle()
        drain(master, legacy)

        assert waiting == {(topic, 0): 0}
        assert len(legacy.stored()) == 6
        complete(legacy)

    def test_offsets_that_a_loader_registers_later_are_taken_up(self, legacy):
        first, second = legacy.stream("users"), legacy.stream("devices", partitions=2)
        legacy.capture("users")
        write(legacy, first, 5)
        write(legacy, second, 6, partitions=2)
        master = legacy.master()
        drain(master, legacy)
        legacy.register("devices", [CapturedOffset(second, one.topic_id, p, 0, None) for p in (0, 1)
                                    for one in legacy.view.describe([second]).values()])  # fmt: skip

        drain(master, legacy)

        complete(legacy)
        assert legacy.rows("SELECT COUNT(DISTINCT epoch), MIN(epoch) FROM source_offset") == [(1, 1)]

    def test_without_any_offsets_it_waits_for_a_manifest(self, legacy):
        legacy.stream()
        master = legacy.master()

        with pytest.raises(Transient, match="register"):
            master.turn()

        legacy.capture()
        master.turn()
        master.check()

    def test_a_lane_is_told_of_only_when_its_rows_are_committed(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 100)
        seen: Counter[int] = Counter()

        def touched(lanes):
            for lane in lanes:
                (head,) = legacy.rows("SELECT head FROM lane_head WHERE lane = %s", lane.lane)[0]
                assert head >= lane.head
                seen[lane.lane] += lane.rows

        drain(legacy.master(touched=touched), legacy)

        assert dict(seen) == dict(legacy.rows("SELECT lane, COUNT(*) FROM raw_users GROUP BY lane"))
