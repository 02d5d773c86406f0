"""The master when statements fail, connections die or another master comes."""

import pytest

from db.failure import SqlError
from db.ingest import IngestStore, PartitionRows
from migration_core.errors import Fenced, Transient
from migration_core.fingerprint import fingerprint
from migration_core.records import Received
from migration_core.steps import Step
from tests.chaos.failpoints import NEVER_FAILS
from tests.integration.legacy_topics import complete, drain, legacy_topics, turns, write
from tests.servers.sessions import end_others

pytestmark = pytest.mark.servers


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        yield found


STEPS = [step for step in Step if step.startswith("master.") and step not in NEVER_FAILS]


class TestErrors:
    @pytest.mark.parametrize("step", STEPS)
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
            with legacy.database.transaction() as session:
                end_others(session, legacy.database.schema)
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
            turns(first, 200)
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

    def test_of_two_masters_that_began_before_there_were_offsets_only_the_one_that_took_over_last_stores(self, legacy):
        topic = legacy.stream()
        first, second = legacy.master(look_seconds=0.0), legacy.master(look_seconds=0.0)
        for master in (first, second):
            with pytest.raises(Transient, match="register"):
                master.turn()
        legacy.capture()
        first.turn()
        second.turn()

        with pytest.raises(Fenced):
            first.turn()
        write(legacy, topic, 5)
        drain(second, legacy)

        complete(legacy)

    def test_masters_of_unlike_streams_never_have_the_same_epoch(self, legacy):
        legacy.stream("users")
        legacy.stream("devices")
        legacy.capture("users")
        both, one = IngestStore(legacy.database), IngestStore(legacy.database)
        both.take_over(["users", "devices"])
        legacy.capture("devices")
        one.take_over(["devices"])

        with pytest.raises(Fenced):
            both.read_again()

    def test_commits_that_a_fail_over_lost_are_made_again_by_a_master_that_has_nothing_else_to_read(self, legacy):
        topic = legacy.stream()
        legacy.capture()
        write(legacy, topic, 10)
        master = legacy.master(look_seconds=0.0)
        drain(master, legacy)
        with legacy.database.transaction() as session:
            session.execute("DELETE FROM raw_users")
            session.execute("UPDATE lane_head SET head = 0, `rows` = 0")
            session.execute("UPDATE stream_counter SET next_number = 0")
            session.execute("UPDATE source_offset SET next_offset = 0, last_offset = NULL, last_sha256 = NULL")

        drain(master, legacy)

        complete(legacy)

    def test_an_idle_master_that_was_fenced_sees_it_at_its_next_look(self, legacy):
        legacy.stream()
        legacy.capture()
        first, second = legacy.master(look_seconds=0.0), legacy.master()
        first.turn()
        second.turn()

        with pytest.raises(Fenced):
            first.turn()
