"""Masters and workers suspended in the middle of a transaction, while another takes their place."""

import signal

import pytest

from migration_core.steps import Step
from tests.chaos.longer import FULL
from tests.chaos.suspended import end_its_transactions, go_on, until_stopped, waits_for_a_lock
from tests.integration.applying import doc, person
from tests.integration.emptying import emptied
from tests.integration.legacy_topics import complete, legacy_topics, write
from tests.waiting import until

pytestmark = pytest.mark.servers

IN_TRANSACTION = [
    Step.MASTER_OFFSETS_MOVED, Step.MASTER_NUMBERS_TAKEN, Step.MASTER_RAW_WRITTEN, Step.MASTER_HEADS_MOVED,
]  # fmt: skip
LOCKED = [
    Step.WORKER_LOCKED, Step.WORKER_READ, Step.WORKER_TRANSFORMED, Step.WORKER_WRITTEN, Step.WORKER_OUTCOMES_WRITTEN,
    Step.WORKER_WATERMARK_MOVED,
]  # fmt: skip


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        yield found


class TestAMasterInItsTransaction:
    @pytest.mark.parametrize("step", IN_TRANSACTION if FULL else IN_TRANSACTION[-1:])
    def test_whose_session_the_server_has_ended_stores_nothing_once_another_took_over(self, legacy, step):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 100, partitions=2)
        first = legacy.start(MIGRATION_FAILPOINTS=f"{step}:1:stop")
        until_stopped(first)
        end_its_transactions(legacy.database)

        second = legacy.start()
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        go_on(first)

        assert first.wait(60) == 75
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
        complete(legacy)

    @pytest.mark.parametrize("step", IN_TRANSACTION if FULL else IN_TRANSACTION[:1])
    def test_that_goes_on_in_time_commits_once_and_then_leaves_to_the_one_that_waits(self, legacy, step):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 100, partitions=2)
        first = legacy.start(MIGRATION_FAILPOINTS=f"{step}:1:stop")
        until_stopped(first)

        second = legacy.start()

        def taken_over() -> bool:
            return legacy.rows("SELECT MIN(epoch) FROM source_offset") == [(2,)]

        # On a busy machine the server may have ended the first one's session by now.
        legacy.wait(lambda: waits_for_a_lock(legacy.database) or taken_over(), what="the second is there")
        go_on(first)
        legacy.wait(taken_over)
        write(legacy, topic, 100, first=100, partitions=2)

        assert first.wait(60) == 75
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
        complete(legacy)


@pytest.fixture
def world(shared, credentials):
    yield emptied(shared)
    shared.stop()


def counted_up(first: int, last: int) -> list[tuple[str, bytes]]:
    """Images of ten people, each newer one with a higher name."""
    return [person(f"u{n % 10}", name=str(n)) for n in range(first, last)]


class TestAWorkerWithItsLanes:
    @pytest.mark.parametrize("ended", [False, True], ids=["goes on", "its session was ended"])
    @pytest.mark.parametrize("step", LOCKED if FULL else [Step.WORKER_WATERMARK_MOVED])
    def test_holds_up_neither_ingest_nor_other_lanes_and_no_row_is_applied_twice(self, world, step, ended):
        world.put("people", counted_up(0, 200))
        first = world.start(MIGRATION_FAILPOINTS=f"{step}:1:stop")
        world.ring()
        until_stopped(first)
        second = world.start()
        world.put("people", counted_up(200, 300))  # ingest waits for no worker
        world.put("trips", [("t", doc(op="set", body={"id": "t", "stage": "x"}))])
        world.ring()
        until(lambda: world.ledger("trips").pending == 0, "the other stream's row is applied", seconds=100)

        if ended:
            end_its_transactions(world.database)
            world.until_drained()
            go_on(first)
        else:
            go_on(first)
            world.until_drained()

        assert all(process.poll() is None for process in (first, second))
        people = world.ledger("people")
        assert (people.applied + people.superseded, people.rejected, people.parked) == (300, 0, 0)
        assert sorted(world.rows("SELECT name FROM {target}.people")) == [(str(n),) for n in range(290, 300)]
        assert world.remainders() == []
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in (first, second)] == [0, 0]
