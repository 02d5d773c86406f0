"""The orders that carry the guarantee, each looked at from outside while it happens."""

import threading
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from itertools import count
from threading import Event

import pytest

from db import lanes
from db.bulk import Bulk, Repaired, write
from db.failure import SqlError
from db.lanes import LaneMove
from kafka_log.producer import LogWriter
from migration_core import sequence
from migration_core.doorbell import AWAKE_SECONDS, Doorbell, encode
from migration_core.errors import Fenced, Halted, Transient
from migration_core.key import canonical
from migration_core.lane import lane_of
from migration_core.steps import Step, nothing
from migration_worker.serve import DoorbellLoop
from migration_worker.sweeper import Sweeper
from tests.chaos.suspended import waits_for_a_lock
from tests.integration.applying import Applying, applying, doc, person
from tests.integration.legacy_topics import LANES as LANES_OF_A_STREAM
from tests.integration.legacy_topics import drain, legacy_topics
from tests.integration.snapshots import SnapshotCase, line
from tests.servers import own
from tests.waiting import until
from work_queue.attributes import attributes
from work_queue.client import client

pytestmark = pytest.mark.servers

INSIDE = [
    Step.WORKER_LOCKED,
    Step.WORKER_READ,
    Step.WORKER_TRANSFORMED,
    Step.WORKER_WRITTEN,
    Step.WORKER_OUTCOMES_WRITTEN,
    Step.WORKER_WATERMARK_MOVED,
]
"""Steps of the worker's transaction."""
LANES = [("people", lane) for lane in range(4)]
CUTS = 4
"""Connections lost one after the other: more than the search for a bad row takes to one that stands alone."""
RUNG = 3 * len(LANES)
"""Doorbells of all lanes of all three streams."""


@pytest.fixture
def world(servers, tmp_path, credentials):
    with applying(servers, tmp_path) as found:
        yield found
        assert found.remainders() == []


class Once:
    """Does something the first time that a step is reached."""

    def __init__(self, step: Step, act) -> None:
        self._step, self._act, self.done = step, act, False

    def __call__(self, step: Step) -> None:
        if step is self._step and not self.done:
            self.done = True
            self._act()


def deadlocks(world: Applying) -> int:
    """How many the server has broken so far."""
    ((count,),) = world.rows("SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'")
    return int(str(count))


def applied(world: Applying) -> list[tuple]:
    """What workers have left behind so far, as others see it."""
    return [
        *world.rows("SELECT id FROM {target}.people"),
        *world.rows("SELECT lane FROM row_outcome"),
        *world.rows("SELECT lane FROM lane_progress WHERE applied > 0 OR n_applied > 0 OR n_rejected > 0"),
    ]


class TestTheWorkersTransaction:
    @pytest.mark.parametrize("step", INSIDE)
    def test_until_the_commit_nobody_sees_anything_and_an_error_leaves_nothing(self, world, step):
        world.put("people", [person("a"), person("b", age=300), person("c")])
        seen = []

        def act() -> None:
            seen.append(applied(world))
            raise Transient("something broke")

        with pytest.raises(Transient):
            world.work(Once(step, act)).streams["people"].applier.apply_batch([0, 1, 2, 3], _limits(world))

        assert seen == [[]]
        assert applied(world) == []
        world.drain()
        assert sorted(world.rows("SELECT id FROM {target}.people")) == [("a",), ("c",)]

    @pytest.mark.parametrize("step", INSIDE)
    @pytest.mark.parametrize("people", [1, 30])
    def test_a_connection_that_is_lost_makes_no_reject_and_the_batch_is_redone(self, world, step, people):
        world.put("people", [person(f"u{n}", phones=[str(n)]) for n in range(people)])
        cuts = []

        def cut(now: Step) -> None:
            if now is not step or len(cuts) == CUTS:
                return
            cuts.append(now)
            for (connection,) in world.rows(
                "SELECT id FROM performance_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            ):
                world.rows(f"KILL {connection}")

        world.database.close()
        work = world.work(cut)
        left = set(LANES)
        for _ in range(3 * CUTS):
            left = work.apply(left)

        assert len(cuts) == CUTS
        assert (world.ledger("people").rejected, world.ledger("people").applied) == (0, people)
        assert world.rows("SELECT COUNT(*) FROM {target}.phones") == [(people,)]

    def test_a_deadlock_takes_the_whole_batch_back_and_the_batch_is_redone(self, world):
        world.put("people", [person(f"u{n}") for n in range(40)])
        world.drain()
        world.rows("CREATE TABLE {target}.ballast (id INT PRIMARY KEY)")
        world.put("people", [person(f"u{n}", "new") for n in range(40)])
        ((last,),) = world.rows(
            "SELECT JSON_VALUE(CONVERT(entity_key USING utf8mb4), '$[0]') FROM raw_people "
            "ORDER BY lane DESC, sequence DESC LIMIT 1"
        )
        rival, before = _Rival(world, str(last)), deadlocks(world)

        work = world.work(Once(Step.WORKER_TRANSFORMED, rival.begin))
        left = set(LANES)
        for _ in range(5):
            left = work.apply(left)
        rival.end()

        assert deadlocks(world) > before
        assert rival.met
        assert world.rows("SELECT DISTINCT name FROM {target}.people") == [("new",)]
        assert (world.ledger("people").rejected, world.ledger("people").pending) == (0, 0)

    def test_where_another_entity_may_hold_a_value_every_image_is_written_in_its_place(self, world):
        world.put("logins", [("a", doc(id="a", login=login)) for login in ("x", "y", "z")])

        world.drain()

        ledger = world.ledger("logins")
        assert (ledger.applied, ledger.superseded) == (3, 0)
        assert world.rows("SELECT id, login FROM {target}.logins") == [("a", "z")]

    def test_a_watermark_moves_only_from_where_it_was_read(self, world):
        world.put("people", [person(f"u{n}") for n in range(20)])
        stream = world.parts("people").registered.stream_id

        with world.database.transaction() as session:
            (lane, *_) = lanes.lock(session, stream, [0])
            with pytest.raises(Fenced):
                lanes.move(session, stream, [LaneMove(0, lane.applied - 1, lane.applied + 1)])

        world.drain()


class TestTheFastWay:
    @pytest.mark.parametrize(
        "line",
        [b"aaa\tabcdefghijklmnopqrstu\t1\t\\N\t1\n", b"aaa\tn\tword\t\\N\t1\n", b"aaa\tn\t300\t\\N\t1\n",
         b"there\tn\t1\t\\N\t1\n", b"aaa\tn\t13\t\\N\t1\n", b"aaa\t\\N\t1\t\\N\t1\n", b"aaa\tn\n"],
        ids=["text-cut", "word-for-a-number", "number-clipped", "duplicate", "check", "null", "columns-missing"],
    )  # fmt: skip
    def test_what_the_server_would_repair_or_leave_out_is_not_taken_for_stored(self, world, line):
        world.put("people", [person("there")])
        world.drain()
        bulk = Bulk(f"{world.target}.people", ("id", "name", "age", "extra", "source_sequence"))

        with pytest.raises((Repaired, SqlError)), world.database.transaction() as session:
            write(session.connection, bulk, [b"good\tn\t1\t\\N\t1\n", line])

        assert world.rows("SELECT id, age FROM {target}.people") == [("there", None)]


class TestTheBarrier:
    def test_rows_behind_it_wait_until_it_moves(self, world):
        world.rows("UPDATE lane_progress SET open_to = %s", sequence.last_of(1))
        world.put("people", [person(f"u{n}") for n in range(20)])

        world.work().apply(LANES)
        waiting = world.rows("SELECT id FROM {target}.people")
        world.rows("UPDATE lane_progress SET open_to = %s", sequence.last_of(2))
        world.drain()

        assert waiting == []
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]


class TestDoorbells:
    def test_they_are_deleted_only_when_their_rows_are_committed(self, servers, world):
        world.put("people", [person(f"u{n}") for n in range(20)])
        world.ring()

        def die() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.loop(world, Once(Step.WORKER_WATERMARK_MOVED, die)).turn(Event())

        counts = attributes(client(own.REGION, endpoint=servers.sqs_endpoint), world.queue_url)
        assert counts.messages + counts.in_flight == RUNG

    def test_a_row_that_comes_between_the_last_look_and_the_delete_is_applied_in_the_next_turn(self, world):
        world.put("people", [person("early")])
        self.ring_one(world, *world.lanes_with_work("people"))
        late = Once(Step.WORKER_COMMITTED, lambda: world.put("people", [person("early", "late")]))

        self.turns(world, late)

        assert world.rows("SELECT name FROM {target}.people") == [("late",)]

    def test_a_row_that_comes_with_the_delete_is_applied_in_the_next_turn(self, world):
        world.put("people", [person("early")])
        self.ring_one(world, *world.lanes_with_work("people"))
        late = Once(Step.WORKER_DELETED, lambda: world.put("people", [person("early", "late")]))

        self.turns(world, late)

        assert world.rows("SELECT name FROM {target}.people") == [("late",)]

    def test_a_row_that_comes_while_the_look_after_the_delete_is_acted_on_is_applied_in_the_next_turn(self, world):
        world.put("people", [person("early")])
        world.ring()
        last = Once(Step.WORKER_READ, lambda: world.put("people", [person("early", "last")]))
        late = Once(Step.WORKER_DELETED, lambda: world.put("people", [person("early", "late")]))

        def reached(step: Step) -> None:
            if late.done:
                last(step)
            late(step)

        loop = self.loop(world, reached)
        while not last.done:
            loop.turn(Event())
        loop.turn(Event())

        assert world.rows("SELECT name FROM {target}.people") == [("last",)]

    def test_one_doorbell_serves_every_light_lane_that_its_worker_has_applied_before(self, world):
        loop = self.loop(world, nothing)
        world.put("people", [person(f"u{n}") for n in range(20)])
        world.ring()
        while world.ledger("people").pending:
            loop.turn(Event())
        world.put("people", [person(f"u{n}", "new") for n in range(20)])
        (lane, *others) = world.lanes_with_work("people")

        self.ring_one(world, lane)
        loop.turn(Event())

        assert others
        assert world.rows("SELECT DISTINCT name FROM {target}.people") == [("new",)]

    def test_a_worker_that_is_new_applies_no_lane_that_was_not_rung(self, world):
        world.put("people", [person(f"u{n}") for n in range(20)])
        (lane, *others) = world.lanes_with_work("people")
        loop = self.loop(world, nothing)

        self.ring_one(world, lane)
        for _ in range(3):
            loop.turn(Event())

        assert world.lanes_with_work("people") == others

    def test_a_lane_whose_doorbell_another_holds_for_long_is_applied_all_the_same(self, world):
        world.ring()
        orphaned = []
        while batch := world.queue.receive(10, timedelta()):
            orphaned += batch
        world.queue.release(orphaned, timedelta(minutes=10))  # in flight: its group gets no other message
        world.put("people", [person(f"u{n}") for n in range(20)])
        world.ring()

        world.start()
        world.until_drained()

        assert len(orphaned) >= 4
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]

    @pytest.mark.parametrize("body", ["junk", "{}", "[1]", '{"stream": "nobody", "lane": 0, "head": 1}'])
    def test_a_message_of_somebody_else_is_deleted_and_harms_nobody(self, servers, world, body):
        sqs = client(own.REGION, endpoint=servers.sqs_endpoint)
        beyond = encode(Doorbell("people", 4000, 1))
        for number, text in enumerate((body, beyond, encode(Doorbell("nobody", 0, 1)))):
            sqs.send_message(
                QueueUrl=world.queue_url, MessageBody=text, MessageGroupId="g", MessageDeduplicationId=str(number)
            )
        world.put("people", [person("a")])
        world.ring()
        foreign: list[int] = []
        work = world.work()
        loop = DoorbellLoop(world.queue, work, Sweeper(work), wait=timedelta(), foreign=foreign.append)

        while sum(foreign) < 3 or world.ledger("people").pending or attributes(sqs, world.queue_url).messages:
            loop.turn(Event())

        assert (sum(foreign), attributes(sqs, world.queue_url).in_flight) == (3, 0)
        assert world.rows("SELECT id FROM {target}.people") == [("a",)]

    def test_a_worker_that_a_doorbell_woke_finds_light_work_for_a_while_without_another(self, world):
        work, now = world.work(), [100.0]
        loop = DoorbellLoop(world.queue, work, Sweeper(work), wait=timedelta(), clock=lambda: now[0])
        world.put("people", [person("a")])
        world.ring()
        while world.ledger("people").pending:
            loop.turn(Event())
        self.forget_all(world)
        world.put("people", [person("a", name="newer")])
        loop.turn(Event())
        pending_while_awake = world.ledger("people").pending
        now[0] += AWAKE_SECONDS
        world.put("people", [person("a", name="newest")])
        loop.turn(Event())

        assert (pending_while_awake, world.ledger("people").pending) == (0, 1)

    def loop(self, world: Applying, reached) -> DoorbellLoop:
        """A doorbell loop whose sweeper nobody calls, and for which time flies: no doorbell keeps it awake."""
        work, clock = world.work(reached), count(step=AWAKE_SECONDS).__next__
        return DoorbellLoop(world.queue, work, Sweeper(work), wait=timedelta(), reached=reached, clock=clock)

    def forget_all(self, world: Applying) -> None:
        while found := world.queue.receive(10, timedelta()):
            world.queue.delete(found)

    def ring_one(self, world: Applying, lane: int) -> None:
        self.forget_all(world)
        world.queue.ring([Doorbell("people", lane, 1)])

    def turns(self, world: Applying, late: Once) -> None:
        loop = self.loop(world, late)
        while not late.done:
            loop.turn(Event())
        loop.turn(Event())


class TestTheMaster:
    def test_a_raw_row_that_is_there_already_halts_and_stays_as_it_is(self, servers, tmp_path, credentials):
        with legacy_topics(servers, tmp_path) as legacy:
            topic = legacy.stream()
            legacy.capture()
            legacy.rows(
                "INSERT INTO raw_users SELECT %s, c.generation << 51 | c.next_number, 1, 77, NULL, 0, NULL, 'old', "
                "NULL, NULL, 0, 0 FROM stream_counter c",
                lane_of(canonical(["a"]), LANES_OF_A_STREAM),
            )
            writer = LogWriter(legacy.config)
            writer.produce(topic, b"{}", key=b'{"id": "a"}', partition=0)
            writer.close()

            with pytest.raises(Halted):
                drain(legacy.master(), legacy)

            assert legacy.rows("SELECT source_offset, value FROM raw_users") == [(77, b"old")]
            assert set(legacy.offsets().values()) == {0}

    def test_rows_can_be_read_by_whoever_is_told_of_them(self, servers, tmp_path, credentials):
        with legacy_topics(servers, tmp_path) as legacy:
            topic = legacy.stream()
            legacy.capture()
            writer = LogWriter(legacy.config)
            for number in range(300):
                writer.produce(topic, b"{}", key=b'{"id": "u%d"}' % (number % 50), partition=0)
            writer.close()
            told: Counter[int] = Counter()

            def touched(found) -> None:
                told.update({one.lane: one.rows for one in found})
                stored = dict(legacy.rows("SELECT lane, COUNT(*) FROM raw_users GROUP BY lane"))
                assert all(stored.get(lane, 0) >= rows for lane, rows in told.items())

            drain(legacy.master(touched=touched), legacy)

        assert told.total() == 300


class TestTheLoader:
    def test_an_offset_that_a_master_lives_by_is_never_set_back(self, database_url, database, tmp_path):
        (tmp_path / "snapshot").mkdir()
        case = SnapshotCase(database_url, database, tmp_path / "snapshot", tmp_path / "migration.yaml")
        case.register()
        case.write([line(1)])
        case.rows("INSERT INTO source (source_id, stream_id, kind) SELECT 7, stream_id, 'partition' FROM stream")
        case.rows(
            "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
            "end_offset, next_offset) SELECT 7, stream_id, %s, 'id-of-topic', 0, 5, 9, 77 FROM stream",
            case.topic,
        )

        case.load()

        assert case.rows("SELECT source_id, next_offset FROM source_offset") == [(7, 77)]


class _Enough(Exception):
    """Nothing of the rival's work stays."""


class _Rival:
    """Another session that meets the worker in a deadlock, and is too heavy to be its victim."""

    def __init__(self, world: Applying, last: str) -> None:
        self._world = world
        self._last = last
        self._holds = Event()
        self.met = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        self._thread.start()
        assert self._holds.wait(20)

    def end(self) -> None:
        self._thread.join(30)

    def _run(self) -> None:
        with suppress(_Enough, SqlError):
            self._meet()

    def _meet(self) -> None:
        people, ballast = f"{self._world.target}.people", f"{self._world.target}.ballast"
        with self._world.database.transaction() as session:
            values = ", ".join(f"({number})" for number in range(2000))
            session.execute(f"INSERT INTO {ballast} VALUES {values}")
            session.execute(f"UPDATE {people} SET age = 1 WHERE id = %s", (self._last,))
            self._holds.set()
            until(lambda: waits_for_a_lock(self._world.database), "the worker waits", seconds=9)
            session.execute(f"SELECT id FROM {people} FOR UPDATE")
            self.met = True
            raise _Enough


def _limits(world: Applying):
    return world.work().limits
