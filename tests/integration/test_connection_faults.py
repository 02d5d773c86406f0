"""The way to MySQL and to Kafka breaks as networks do: nothing is lost, doubled, damaged or blamed on a row."""

import gc
import signal
from contextlib import suppress
from dataclasses import replace
from random import Random
from threading import Event, Thread

import pytest
from confluent_kafka import Producer
from sqlalchemy import event
from sqlalchemy.engine import make_url

from db import engine
from kafka_log.failure import ReadFailed
from kafka_log.watermarks import LogView, Watermark
from migration_core.errors import Transient
from migration_core.steps import Step
from tests.chaos import roles
from tests.chaos.kafka_proxy import kafka_proxy
from tests.chaos.length import FULL, SECONDS, SEED
from tests.chaos.meanwhile import meanwhile
from tests.chaos.roles import ROLES
from tests.chaos.statement_faults import MOST_ATTEMPTS, until_done
from tests.chaos.tcp_proxy import BOTH, BlackHole, CutAfter, Flip, Latency, Refuse, Way, tcp_proxy
from tests.integration.applying import Applying, applying, doc, person
from tests.integration.legacy_topics import complete, drain, legacy_topics, turns, write
from tests.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(SECONDS),
    pytest.mark.long,
    # Of a connection that is reset while TLS begins, Python's own wrapping leaves a socket to the collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"),
]

PLACES = 200 if FULL else 3
"""At which the bytes of each way are cut or flipped."""
RESETS = 40
"""Of a connection at random moments; about every fourth of them loses the last of three questions."""
READ_SECONDS = 4
GONE_AFTER_SECONDS = 1


@pytest.fixture
def way(servers):
    """To MySQL, with TLS from end to end."""
    url = make_url(servers.mysql_url)
    with tcp_proxy(url.host, url.port) as found:
        yield found
    gc.collect()  # here, and not in the middle of somebody else's test


@pytest.fixture
def impatient(monkeypatch):
    """A server that does not answer is given up sooner."""
    monkeypatch.setattr(engine, "_READ_SECONDS", READ_SECONDS)


ROLES_TRIED = ["worker", "master", "loader"]


@pytest.fixture(params=ROLES_TRIED)
def role(request, servers, tmp_path, way, credentials):
    with ROLES[request.param](servers, tmp_path, way.through) as found:
        found.renew()
        until_done(found)
        yield found


class TestTheWayToMySql:
    @pytest.mark.parametrize("kind", [CutAfter, Flip])
    @pytest.mark.parametrize("to", Way)
    def test_a_connection_that_ends_or_lies_at_any_byte_costs_nothing(self, way, role, kind, to, impatient):
        way.reset()
        role.renew()
        until_done(role)  # by connections that are given up soon: a length that lies is waited for
        role.renew()
        way.clear()
        until_done(role)
        length = way.passed[to]

        for place in Random(SEED).sample(range(length), PLACES):
            for nearer in (place, place // 3):  # less may pass this time than when it was measured
                fault = kind(nearer, to, times=1)
                role.renew()
                way.tell(fault)
                assert until_done(role) <= MOST_ATTEMPTS, fault
                way.clear()
                role.expect()
                if way.fired[fault]:
                    break

        assert sum(way.fired.values()) > PLACES / 2  # no two runs are equally long

    def test_connections_that_are_reset_again_and_again_cost_nothing(self, way, role):
        with meanwhile(way.reset, times=8, seed=SEED) as resets:
            while resets.is_alive():
                role.renew()
                until_done(role)

        role.expect()

    @pytest.mark.parametrize(
        ("role", "ways"),
        [("worker", {Way.TO_CLIENT}), ("master", {Way.TO_SERVER}), ("loader", BOTH)],
        indirect=["role"],
        ids=["worker-to-client", "master-to-server", "loader-both"],
    )
    def test_a_black_hole_is_given_up_and_what_it_swallowed_is_done_again(self, way, role, ways, impatient):
        way.reset()
        role.renew()
        until_done(role)
        hole = BlackHole(frozenset(ways))
        role.renew()
        way.tell(hole)

        def comes_back() -> None:
            until(lambda: way.fired[hole], "something is swallowed")
            Event().wait(1.2 * READ_SECONDS)
            way.clear()

        end = Thread(target=comes_back)
        end.start()

        until_done(role)
        end.join()

        role.expect()
        assert way.fired[hole]


@pytest.fixture
def world(servers, tmp_path, credentials):
    with applying(servers, tmp_path) as found:
        yield found
        assert found.remainders() == []
        assert found.ledger("people").rejected == 0


class TestHalfOpen:
    def test_a_worker_whose_server_vanished_without_a_word_gives_it_up_and_goes_on(self, world, way, impatient):
        world.put("people", [person(f"u{n}") for n in range(20)])
        vanished = []

        def reached(step: Step) -> None:
            if step is Step.WORKER_WRITTEN and not vanished:
                vanished.append(way.half_open(Way.TO_SERVER))

        self.work(world, way, reached)

        assert vanished == [1]
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]

    def test_a_worker_that_vanished_without_a_word_keeps_its_lanes_for_a_short_time_only(self, monkeypatch, world, way):
        monkeypatch.setattr(engine, "LANE_SECONDS", GONE_AFTER_SECONDS)
        world.put("people", [person(f"u{n}") for n in range(20)])
        vanished = []

        def reached(step: Step) -> None:
            if step is Step.WORKER_WRITTEN and not vanished:
                vanished.append(way.half_open(Way.TO_CLIENT))

        held = self.work(world, way, reached)

        assert vanished == [1]
        assert held, "nobody can have taken its lanes while the server took it for alive"
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]

    def work(self, world: Applying, way, reached) -> int:
        """Apply everything by way of the proxy; how often lanes were found locked or lost on the way."""
        with roles.opened(way.through(world.url), applies_lanes=True) as database:
            work, held = world.work(reached, database=database), []
            every = [("people", lane) for lane in range(4)]

            def applied() -> bool:
                with suppress(Transient):  # a session may be ended between two looks
                    if not work.ready(every):
                        return True
                    held.append(bool(work.apply(every)))
                return False

            until(applied, "the lanes are free again", pause=0)
        return sum(held)


class TestLocksOnTables:
    def test_a_table_that_somebody_locks_makes_its_stream_wait_and_no_other(self, world):
        with world.database.transaction() as other:
            other.execute("SET SESSION wait_timeout = 600")  # it idles while the others work
            other.execute(f"LOCK TABLES {world.target}.people WRITE")
            self.blocked(world)
            other.execute("UNLOCK TABLES")

        world.drain()

        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]

    def test_a_change_of_a_table_that_waits_for_somebody_makes_its_stream_wait_and_no_other(self, world):
        def alter() -> None:
            world.rows("ALTER TABLE {target}.people ADD COLUMN later INT NULL")

        changing = Thread(target=alter)
        with world.database.transaction() as reader:
            reader.execute("SET SESSION wait_timeout = 600")  # as above
            reader.rows(f"SELECT * FROM {world.target}.people")
            changing.start()
            waits = (
                "SELECT 1 FROM performance_schema.processlist WHERE info LIKE 'ALTER%%' "
                "AND state = 'Waiting for table metadata lock' AND db = DATABASE()"
            )
            until(lambda: world.rows(waits), "the change waits")
            self.blocked(world)
        changing.join()

        world.drain()

        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]

    def blocked(self, world: Applying) -> None:
        """People wait, logins do not."""
        with roles.opened(world.url, applies_lanes=True) as database:
            work = world.work(database=database)
            event.listen(database.engine, "connect", soon_tired_of_locks)
            database.engine.dispose()
            world.put("people", [person(f"u{n}") for n in range(20)])
            world.put("logins", [("a", doc(id="a", login="x"))])

            left = work.apply([(stream, lane) for stream in ("people", "logins") for lane in range(4)])

        assert {stream for stream, _ in left} == {"people"}
        assert world.rows("SELECT id FROM {target}.logins") == [("a",)]
        assert (world.ledger("people").pending, world.ledger("people").state) == (20, "running")


def soon_tired_of_locks(connection, _record) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION lock_wait_timeout = 1")


@pytest.fixture
def broker(servers):
    with kafka_proxy(servers.kafka_bootstrap) as found:
        yield found


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        yield found


@pytest.fixture
def master(legacy, broker):
    """One of a topic that holds records, reached by the proxy alone."""
    topic = legacy.stream(partitions=2)
    legacy.capture()
    write(legacy, topic, 40, partitions=2)
    found = legacy.master(config={"bootstrap.servers": broker.address})
    yield found
    found.close()


class TestTheWayToKafka:
    def test_answers_that_come_late_from_connections_that_are_reset_cost_nothing(self, legacy, broker, master):
        broker.tell(Latency(0.02))
        with meanwhile(broker.reset, times=6, seed=SEED, pause=0.3) as resets:
            written = 40
            while resets.is_alive():
                write(legacy, legacy.streams["users"], 20, first=written, partitions=2)
                written += 20
                patiently(master, legacy)

        complete(legacy)

    def test_an_answer_that_was_lost_with_its_connection_is_no_offset(self, legacy, broker):
        place = (legacy.stream(), 0)
        write(legacy, place[0], 5)
        view, answers, lost = LogView({"bootstrap.servers": broker.address}), set(), 0
        broker.tell(Latency(0.005))
        with meanwhile(broker.reset, times=RESETS, seed=SEED, pause=0.1) as resets:
            while resets.is_alive():
                try:
                    answers.add(view.watermarks([place])[place])
                except Transient:
                    lost += 1

        assert answers <= {Watermark(0, 5, 5, 0)}
        assert lost

    @pytest.mark.parametrize("fault", [Refuse(), BlackHole()], ids=["nobody-listens", "black-hole"])
    def test_a_broker_that_is_away_is_waited_for(self, legacy, broker, master, fault):
        drain(master, legacy)
        broker.tell(fault)
        broker.reset()
        write(legacy, legacy.streams["users"], 40, first=40, partitions=2)
        turns(master, 4)
        legacy.wait(lambda: broker.fired[fault] or master.turn(), what="a try to reach the broker")
        without = legacy.offsets()
        broker.clear()
        drain(master, legacy)

        complete(legacy)
        assert sum(without.values()) == 40
        assert broker.fired[fault]

    def test_a_record_that_was_damaged_on_its_way_is_read_again_and_never_stored(self, legacy, broker, master):
        drain(master, legacy)
        broker.tell(FLIP)
        write_one(legacy, "users")

        with pytest.raises(ReadFailed) as damaged:
            drain(master, legacy)
        drain(master, legacy)

        complete(legacy)
        assert damaged.value.damaged
        assert broker.fired[FLIP] == 1

    def test_a_record_that_always_comes_damaged_stops_its_stream_after_some_tries_and_no_other(
        self, legacy, broker, master
    ):
        drain(master, legacy)
        other = legacy.stream("devices")
        legacy.capture("devices")
        broker.tell(replace(FLIP, times=None))
        write_one(legacy, "users")
        both = legacy.master(config={"bootstrap.servers": broker.address})
        write(legacy, other, 5)

        def halted() -> bool:
            with suppress(ReadFailed):
                both.turn()
            return bool(legacy.rows("SELECT 1 FROM source_offset WHERE halted IS NOT NULL"))

        legacy.wait(halted, what="the halt")
        legacy.wait(lambda: both.turn() or legacy.offsets()[other, 0] == 5, what="the other stream")
        both.close()

        ((reason,),) = legacy.rows("SELECT halted FROM source_offset WHERE halted IS NOT NULL")
        assert "could not be read in 5 tries" in reason
        assert len(legacy.stored()) == 45

    def test_a_compressed_batch_that_was_damaged_may_end_the_process_and_costs_nothing(self, legacy, broker):
        topic = legacy.stream()
        legacy.capture()
        process = legacy.start(KAFKA_BOOTSTRAP_SERVERS=broker.address)
        write(legacy, topic, 10)
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        broker.tell(FLIP)
        write_one(legacy, "users", compression="lz4")
        legacy.wait(lambda: broker.fired[FLIP])

        def ended_or_read() -> bool:
            return process.poll() is not None or legacy.offsets() == legacy.ends()

        legacy.wait(ended_or_read)
        if process.poll() is not None:
            # librdkafka looks for the next batch in the middle of the damaged one, and may find that impossible.
            assert process.poll() == -signal.SIGABRT
            legacy.start(KAFKA_BOOTSTRAP_SERVERS=broker.address)
        legacy.wait(lambda: legacy.offsets() == legacy.ends())

        complete(legacy)


FLIP = Flip(3, after=b"flipped")


def write_one(legacy, stream: str, *, compression: str = "none") -> None:
    """A record that a fault can find."""
    writer = Producer({**legacy.config, "compression.type": compression})
    value = b'{"id": "flipped", "text": "%b"}' % (b"x" * 40)
    writer.produce(legacy.streams[stream], value, key=b'{"id": "flipped"}', partition=0)
    assert writer.flush(20) == 0


def patiently(master, legacy) -> None:
    """As `drain`, through whatever may pass by itself."""
    while legacy.offsets() != legacy.ends():
        with suppress(Transient):
            master.turn()
