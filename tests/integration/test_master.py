"""The master on real servers: nothing lost, nothing twice, and a person is called where the source lost records."""

import os
import signal
import time
from collections import Counter
from zlib import crc32

import pytest

from db.failure import SqlError
from db.ingest import IngestStore, PartitionRows
from kafka_log.producer import LogWriter
from kafka_log.watermarks import CapturedOffset
from migration_core.errors import ConfigError, Fenced, Halted, Transient
from migration_core.fingerprint import fingerprint
from migration_core.records import Received
from migration_core.steps import Step
from migration_master.acceptance import accept_gap, accept_partitions
from migration_master.opening import check_registered
from runtime.mapping_file import compiled
from tests.integration.legacy_topics import LANES, LegacyTopics, drain, legacy_topics, turns

pytestmark = pytest.mark.servers

MASTER_STEPS = [step for step in Step if step.startswith("master.")]


@pytest.fixture
def legacy(servers, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with legacy_topics(servers, tmp_path) as found:
        yield found


def write(legacy: LegacyTopics, topic: str, count: int, *, first: int = 0, partitions: int = 1) -> None:
    writer = LogWriter(legacy.config)
    for number in range(first, first + count):
        key = b'{"id": "u%d"}' % (number % 50)
        writer.produce(topic, b'{"id": "u%d", "n": %d}' % (number % 50, number), key=key, partition=number % partitions)
    writer.close()


def complete(legacy: LegacyTopics) -> None:
    """What the guarantee says: every committed record once, unchanged, and counted in its lane's head."""
    assert legacy.stored() == legacy.committed()
    for stream in legacy.streams:
        lanes = legacy.rows(f"SELECT lane, COUNT(*), MAX(sequence) FROM raw_{stream} GROUP BY lane ORDER BY lane")
        heads = legacy.rows(
            "SELECT lane, `rows`, head FROM lane_head JOIN stream USING (stream_id) "
            "WHERE name = %s AND `rows` > 0 ORDER BY lane",
            stream,
        )
        assert lanes == heads


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
        master = legacy.master(look_seconds=0.0)
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


class TestErrors:
    @pytest.mark.parametrize("step", [step for step in MASTER_STEPS if step is not Step.MASTER_RUNG])
    def test_an_error_at_any_step_costs_nothing_and_doubles_nothing(self, legacy, step):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 200, partitions=2)
        failures = iter([True, False, True] + [False] * 10_000)

        def reached(now: Step) -> None:
            if now is step and next(failures):
                raise Transient("a lost connection, perhaps after the server had committed")

        master, transients = legacy.master(reached=reached), 0
        while legacy.offsets() != legacy.ends() or transients < 1:
            try:
                master.turn()
            except Transient:
                transients += 1
                write(legacy, topic, 20, partitions=2)

        complete(legacy)

    def test_connections_that_are_killed_cost_nothing(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        master, interrupted = legacy.master(), []
        for first in range(0, 400, 40):
            write(legacy, topic, 40, first=first, partitions=2)
            legacy.database.engine.dispose()
            for (connection,) in legacy.rows(
                "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()", legacy.name
            ):
                legacy.rows(f"KILL {connection}")
            try:
                master.turn()
            except SqlError as error:
                interrupted.append(error)

        drain(master, legacy)

        complete(legacy)
        assert all(isinstance(error, Transient) for error in interrupted)

    def test_a_second_master_fences_the_first(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 50, partitions=2)
        first, second = legacy.master(), legacy.master()
        drain(first, legacy)

        second.turn()
        write(legacy, topic, 50, first=50, partitions=2)
        with pytest.raises(Fenced):
            turns(first, 20)
        drain(second, legacy)

        complete(legacy)

    def test_a_transaction_that_is_stored_already_cannot_be_stored_again(self, legacy):
        legacy.stream()
        legacy.capture()
        store = IngestStore(legacy.database)
        (source,) = store.take_over(["users"])
        record = Received(0, b'{"id": "u"}', b"{}", None, 1, 1)
        part = PartitionRows(source, 0, 1, 0, [(5, b'["u"]', record)], 0, fingerprint(record))
        store.commit([part])

        with pytest.raises(Fenced):
            store.commit([part])

        assert legacy.rows("SELECT COUNT(*), MAX(sequence) = MAX(head) FROM raw_users JOIN lane_head USING (lane)") == [
            (1, 1)
        ]

    def test_an_idle_master_that_was_fenced_sees_it_at_its_next_look(self, legacy):
        legacy.stream()
        legacy.capture()
        first, second = legacy.master(look_seconds=0.0), legacy.master()
        first.turn()
        second.turn()

        with pytest.raises(Fenced):
            first.turn()


class TestTheSourceLostSomething:
    def test_a_gap_stops_its_stream_names_its_range_and_lets_others_go_on(self, legacy):
        users, devices = legacy.stream("users", partitions=2), legacy.stream("devices")
        legacy.capture()
        write(legacy, users, 40, partitions=2)
        write(legacy, devices, 10)
        legacy.admin.delete_records(users, 1, 7)
        master = legacy.master()

        turns(master, 8)

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

        first, second = legacy.start(), legacy.start()
        assert (first.wait(30), second.wait(30)) == (1, 1)
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

        turns(master, 8)

        assert len(legacy.rows("SELECT 1 FROM raw_devices")) == 5
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
            turns(master, 10)

        assert legacy.stored() == []

    def test_records_that_compaction_removed_are_no_gap(self, legacy):
        settings = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
        topic = legacy.stream(**settings)
        legacy.capture()
        for first in range(0, 200, 50):
            write(legacy, topic, 50, first=first)
            time.sleep(0.15)  # so that the next record rolls the segment

        drain(legacy.master(), legacy)
        legacy.wait(lambda: len(legacy.committed()) < 200, 60, "compaction")
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


class TestTheProcess:
    @pytest.mark.parametrize("step", MASTER_STEPS)
    def test_killed_at_any_step_it_leaves_nothing_that_a_new_one_loses_or_doubles(self, legacy, step):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 500, partitions=2)

        killed = legacy.start(MIGRATION_FAILPOINTS=f"{step}:1:kill")
        assert killed.wait(30) == -signal.SIGKILL
        write(legacy, topic, 100, first=500, partitions=2)
        drain(legacy.master(), legacy)

        complete(legacy)

    def test_two_processes_of_which_the_second_wins(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 100, partitions=2)
        first = legacy.start()
        legacy.wait(lambda: legacy.offsets() == legacy.ends())

        second = legacy.start()
        legacy.wait(lambda: legacy.rows("SELECT MIN(epoch) FROM source_offset") == [(2,)])
        write(legacy, topic, 100, first=100, partitions=2)

        assert first.wait(20) == 75
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0
        complete(legacy)

    def test_a_master_that_was_suspended_while_another_took_over_changes_nothing(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 100, partitions=2)
        first = legacy.start(MIGRATION_FAILPOINTS=f"{Step.MASTER_BATCH_READ}:1:stop")
        legacy.wait(lambda: os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None)

        second = legacy.start()
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        first.send_signal(signal.SIGCONT)

        assert first.wait(20) == 75
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0
        complete(legacy)

    def test_it_leaves_soon_after_sigterm_while_records_pour_in(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        process = legacy.start()
        write(legacy, topic, 20_000, partitions=2)
        legacy.wait(lambda: sum(legacy.offsets().values()) > 0)

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0

    def test_ready_means_that_every_stream_is_read(self, legacy):
        users = legacy.stream("users")
        legacy.stream("devices")
        legacy.capture()
        process = legacy.start()
        legacy.wait(lambda: any(line["event"] == "reading" for line in legacy.log()))
        good = legacy.ready()
        process.send_signal(signal.SIGTERM)
        process.wait(10)

        write(legacy, users, 10)
        legacy.admin.delete_records(users, 0, 5)
        legacy.start()
        legacy.wait(lambda: any(line["event"] == "reading" for line in legacy.log(1)))
        status, answer = legacy.ready(1)

        assert good[0] == 200, good
        assert status == 503
        assert "records from 0 to 4 were removed" in answer

    def test_a_mapping_with_other_lanes_than_the_stored_ones_is_refused(self, legacy):
        legacy.stream()
        text = legacy.mapping().read_text(encoding="utf-8").replace("format: json", "format: json\n    lanes: 16")
        legacy.mapping().write_text(text, encoding="utf-8")
        streams = dict(compiled(legacy.folder / "migration.yaml").streams)

        with pytest.raises(ConfigError, match="32 lanes"):
            check_registered(legacy.database, streams)
