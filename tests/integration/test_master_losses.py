"""The master when the source lost records or changed: it stops, names the range, and goes on once a person decided."""

import time
from contextlib import suppress

import pytest

from migration_core.errors import ConfigError, Halted, Transient
from migration_master.acceptance import accept_gap, accept_partitions
from tests.integration.legacy_topics import complete, drain, legacy_topics, turns, write
from tests.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        yield found


class TestTheSourceLostSomething:
    def test_a_gap_stops_its_stream_names_its_range_and_lets_others_go_on(self, legacy):
        users, devices = legacy.stream("users", partitions=2), legacy.stream("devices")
        legacy.capture()
        write(legacy, users, 40, partitions=2)
        write(legacy, devices, 10)
        legacy.admin.delete_records(users, 1, 7)
        master = legacy.master()

        until(lambda: len(legacy.stored()) == 10, "devices are stored", pause=0, meanwhile=master.turn)
        turns(master, 2)

        assert [record[0] for record in legacy.stored()] == [devices] * 10
        ((halted, first, last),) = legacy.rows(
            "SELECT halted, halted_from, halted_to FROM source_offset WHERE halted IS NOT NULL"
        )
        assert (first, last) == (0, 7)
        assert f"{users}[1]: gap: the records from 0 to 6 were removed" in halted
        assert f"migration source accept-gap {users} 1" in halted
        with pytest.raises(Halted, match="gap"):
            master.check()

    def test_a_gap_that_opens_while_it_is_read_is_found_as_well(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 10)
        master = legacy.master()
        drain(master, legacy)
        master.close()
        write(legacy, topic, 20, first=10)
        legacy.admin.delete_records(topic, 0, 15)

        with pytest.raises(Halted, match=r"records from 10 to 14 were removed"):
            turns(master, 40)

        assert legacy.offsets() == {(topic, 0): 10}

    def test_with_nothing_left_to_read_it_ends_and_ends_again_until_the_gap_is_accepted(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 20)
        legacy.admin.delete_records(topic, 0, 5)

        first = legacy.start().wait(60)
        second = legacy.start().wait(60)
        assert (first, second) == (1, 1)
        accepted = accept_gap(legacy.source_store, legacy.view, topic, 0, at=None, version="test")
        drain(legacy.master(), legacy)

        assert (accepted.from_offset, accepted.to_offset) == (0, 5)
        complete(legacy)
        ((kind, given_up),) = legacy.rows("SELECT kind, detail->>'$.to' FROM run")
        assert (kind, given_up) == ("accept_gap", "5")

    def test_a_running_master_goes_on_when_the_gap_is_accepted(self, legacy):
        users, devices = legacy.stream("users"), legacy.stream("devices")
        legacy.capture()
        write(legacy, users, 20)
        write(legacy, devices, 10)
        legacy.admin.delete_records(users, 0, 5)
        master = legacy.master(look_seconds=0.0)
        turns(master, 8)

        accept_gap(legacy.source_store, legacy.view, users, 0, at=None, version="test")
        drain(master, legacy)

        complete(legacy)
        master.check()

    def test_a_topic_made_anew_is_never_read_as_if_it_were_the_old_one(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 10)
        drain(legacy.master(), legacy)
        legacy.admin.delete(topic)
        legacy.admin.create(topic)
        write(legacy, topic, 30, first=100)
        master = legacy.master()

        with pytest.raises(Halted, match="made anew"):
            master.turn()
        with pytest.raises(ConfigError, match="--at"):
            accept_gap(legacy.source_store, legacy.view, topic, 0, at=None, version="test")
        accept_gap(legacy.source_store, legacy.view, topic, 0, at=0, version="test")
        drain(legacy.master(), legacy)

        assert len(legacy.stored()) == 40

    def test_a_topic_that_vanishes_stops_its_stream(self, legacy):
        users, devices = legacy.stream("users"), legacy.stream("devices")
        legacy.capture()
        master = legacy.master(look_seconds=0.0)
        master.turn()
        legacy.admin.delete(users)
        write(legacy, devices, 5)

        def turned() -> None:
            with suppress(Transient):  # the topic goes while it is read
                master.turn()

        until(lambda: len(legacy.stored()) == 5 and "users" in master.reasons, "both", pause=0, meanwhile=turned)

        with pytest.raises(Halted, match="does not exist any more"):
            master.check()

    def test_a_log_that_is_shorter_than_what_was_stored_is_truncated(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 10)
        drain(legacy.master(), legacy)
        legacy.rows("UPDATE source_offset SET next_offset = 25, last_offset = 24")

        with pytest.raises(Halted, match=r"truncated: the log ends at 10, and records up to 24"):
            legacy.master().turn()

    def test_another_record_where_the_last_one_stood_is_truncation(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 10)
        drain(legacy.master(), legacy)
        legacy.rows("UPDATE source_offset SET last_sha256 = REPEAT('0', 64)")
        write(legacy, topic, 10)

        with pytest.raises(Halted, match="at offset 9 stands another record"):
            legacy.master().turn()

        assert len(legacy.stored()) == 10

    def test_a_leader_epoch_that_the_log_never_had_is_truncation(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 10)
        legacy.rows("UPDATE source_offset SET leader_epoch = 99")
        master = legacy.master()

        with pytest.raises(Halted, match="truncation"):
            turns(master, 100)

        assert legacy.stored() == []

    def test_records_that_compaction_removed_are_no_gap(self, legacy):
        settings = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
        topic = legacy.stream(**settings)
        legacy.capture()
        for first in range(0, 200, 50):
            write(legacy, topic, 50, first=first)
            time.sleep(0.15)  # so that the next record rolls the segment

        drain(legacy.master(), legacy)
        legacy.wait(lambda: len(legacy.committed()) < 200, "compaction")
        legacy.rows("UPDATE source_offset SET next_offset = 0, last_offset = NULL, last_sha256 = NULL")
        legacy.rows("TRUNCATE raw_users")
        legacy.rows("UPDATE lane_head SET head = 0, `rows` = 0")
        master = legacy.master()
        drain(master, legacy)

        assert [record[2] for record in legacy.stored()] == [record[2] for record in legacy.committed()]
        master.check()

    def test_a_compacted_topic_is_refused_for_partial_changes_until_it_is_put_right(self, legacy):
        topic = legacy.stream("users", partial=True, **{"cleanup.policy": "compact"})
        legacy.stream("devices")
        legacy.capture()
        write(legacy, topic, 5)
        master = legacy.master(look_seconds=0.0)
        turns(master, 4)
        refused = legacy.stored()
        with pytest.raises(Halted, match=r"cleanup\.policy=delete"):
            master.check()

        legacy.admin.configure(topic, {"cleanup.policy": "delete"})
        drain(master, legacy)

        assert refused == []
        assert len(legacy.stored()) == 5
        master.check()


class TestNewPartitions:
    def test_they_stop_the_stream_and_are_read_from_0_behind_the_old_ones_once_accepted(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 40, partitions=2)
        drain(legacy.master(), legacy)
        legacy.admin.add_partitions(topic, 4)
        write(legacy, topic, 400, first=40, partitions=4)

        with pytest.raises(Halted, match=f"accept-partitions {topic}"):
            legacy.master().turn()
        accepted = accept_partitions(legacy.source_store, legacy.view, topic)
        write(legacy, topic, 40, first=440, partitions=4)
        drain(legacy.master(), legacy)

        assert accepted.added == (2, 3)
        complete(legacy)
        places = dict(legacy.rows("SELECT source_id, kafka_partition FROM source_offset"))
        order = [
            (places[source], offset)
            for source, offset in legacy.rows("SELECT source_id, source_offset FROM raw_users ORDER BY sequence")
        ]
        first_new = min(place for place, (partition, _) in enumerate(order) if partition in accepted.added)
        for partition, end in accepted.after.items():
            assert (partition, end - 1) in order[:first_new]

    def test_only_what_waits_can_be_accepted(self, legacy):
        topic = legacy.stream()
        legacy.capture()

        with pytest.raises(ConfigError, match="waits to be accepted"):
            accept_partitions(legacy.source_store, legacy.view, topic)
        with pytest.raises(ConfigError, match="is not halted"):
            accept_gap(legacy.source_store, legacy.view, topic, 0, at=None, version="test")
