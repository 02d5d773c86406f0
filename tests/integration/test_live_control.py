"""How fast a stream is applied and when the target is left alone, on a real server and over several workers."""

import pytest

from db import rate_limit
from db.engine import Database
from db.schema import create_schema, drop_schemas, upgrade
from db.target_health import HealthWatch
from migration_worker.brake import Brake
from migration_worker.sweeper import Sweeper
from tests.integration.applying import Applying, person
from tests.integration.command_line import Cli
from tests.integration.emptying import emptied

pytestmark = pytest.mark.servers

EVERY = [("people", lane) for lane in range(4)]


@pytest.fixture
def world(shared):
    yield emptied(shared)
    assert shared.remainders() == []


@pytest.fixture
def cli(world, monkeypatch, capsys):
    made = Cli(world.url, monkeypatch, capsys)
    made.json("throttle", "--off")
    return made


def pass_time(world: Applying, seconds: float) -> None:
    """For the limit, as the server's clock would."""
    with world.database.transaction() as session:
        session.execute(
            "UPDATE stream_rate SET refilled_at = refilled_at - INTERVAL %s MICROSECOND", (int(seconds * 1_000_000),)
        )


def stop_the_clock(world: Applying) -> None:
    """Nothing is granted for the time that the test itself takes."""
    with world.database.transaction() as session:
        session.execute("UPDATE stream_rate SET refilled_at = NOW(6) + INTERVAL 1 HOUR, tokens = 0")


class TestRate:
    def test_all_workers_together_apply_no_more_than_the_rate(self, world, cli):
        cli.json("rate", "people", "50")
        world.put("people", [person(f"u{n}") for n in range(500)])
        workers = [world.work(), world.work()]
        ((began,),) = world.rows("SELECT NOW(6)")

        applied = 0
        while applied < 120:
            for worker in workers:
                worker.apply(EVERY)
            applied = 500 - world.ledger("people").pending
            ((now,),) = world.rows("SELECT NOW(6)")

            assert applied <= 50 * (1 + (now - began).total_seconds())

    def test_what_was_not_used_is_kept_for_a_second_and_no_longer(self, world, cli):
        cli.json("rate", "people", "50")
        world.put("people", [person(f"u{n}") for n in range(500)])
        pass_time(world, 3600)

        granted = rate_limit.take(world.database, world.parts("people").registered.stream_id, 50, 4000)

        assert 50 <= granted < 500

    def test_a_limit_holds_while_a_worker_stays_with_its_lanes_and_ends_when_it_is_taken_away(self, world, cli):
        cli.json("rate", "people", "10")
        world.put("people", [person(f"u{n}") for n in range(300)])
        stop_the_clock(world)
        work = world.work()
        assert work.apply(EVERY) == set(EVERY)
        assert world.ledger("people").pending == 300

        cli.json("rate", "people", "off")

        assert world.work().apply(EVERY) == set()
        assert world.ledger("people").pending == 0

    def test_other_streams_are_not_slowed(self, world, cli):
        cli.json("rate", "trips", "1")
        world.put("people", [person(f"u{n}") for n in range(100)])

        world.drain()

        assert world.ledger("people").pending == 0

    @pytest.mark.parametrize("rate", ["0", "-5", "fast", "1.5"])
    def test_what_is_no_rate_is_refused(self, world, cli, rate):
        assert cli.run("rate", "people", "--", rate)[0] == 2


def test_status_tells_what_a_person_has_set(world, cli):
    cli.json("rate", "people", "50")
    cli.json("stop-at", "people", f"{world.name}.people:0:1500")

    (people,) = [one for one in cli.json("status") if one["stream"] == "people"]

    assert (people["rate_limit"], people["stops_at"]) == (50, [f"{world.name}.people:0:1500"])


class TestThrottle:
    def test_a_busy_target_is_left_alone_and_says_why(self, world, cli):
        cli.json("throttle", "--threads-running", "0")
        world.put("people", [person("a")])
        work = world.work()

        left = work.apply(EVERY)
        sweeper = Sweeper(work)
        sweeper.sweep()
        sweeper.sweep()

        assert left == set(EVERY)
        assert world.ledger("people").pending == 1
        assert world.rows("SELECT COUNT(*) FROM lane_attempt") == [(0,)]
        assert "threads running" in cli.json("throttle")["throttled"]
        cli.json("throttle", "--off")
        assert world.work().apply(EVERY) == set()
        assert world.ledger("people").pending == 0

    def test_the_target_is_measured_by_one_process_a_second(self, world, cli):
        cli.json("throttle", "--threads-running", "1000")
        watches = [HealthWatch(world.database) for _ in range(3)]

        for watch in watches:
            watch.reason()
        ((first,),) = world.rows("SELECT measured_at FROM target_health")
        with world.database.transaction() as session:
            session.execute("UPDATE target_health SET threads_running = NULL, measured_at = NOW(6)")
        ((put,),) = world.rows("SELECT measured_at FROM target_health")
        for watch in watches:
            watch.reason()

        assert first is not None
        # Where the machine stood still for a second, one may have measured again; before that, nobody may.
        again = "SELECT threads_running IS NULL OR measured_at >= %s + INTERVAL 1 SECOND FROM target_health"
        assert world.rows(again, put) == [(1,)]

    def test_numbers_that_the_server_knows_are_shown(self, world, cli):
        cli.json("throttle", "--threads-running", "1000", "--history-length", "1000000000")
        HealthWatch(world.database).reason()

        found = cli.json("throttle")

        assert found["threads_running"] >= 1
        assert found["history_length"] >= 0
        assert found["throttled"] == ""

    def test_a_replica_that_does_not_answer_holds_the_work_back_where_its_lag_matters(self, world, cli):
        away = Database("mysql+pymysql://u:p@127.0.0.1:9/control", pool_size=1)
        cli.json("throttle", "--replica-lag", "5000")

        held = HealthWatch(world.database, away).reason()
        cli.json("throttle", "--off")

        assert "replica cannot be asked" in held
        assert HealthWatch(world.database, away).reason() == ""

    def test_a_replica_that_lags_holds_the_work_back(self, world, cli, servers):
        cli.json("throttle", "--replica-lag", "5000")
        url = f"{world.url}_replica"
        name = url.rpartition("/")[2]
        create_schema(url)
        replica = Database(url, pool_size=1)
        try:
            upgrade(replica)
            with replica.transaction() as session:
                session.execute("UPDATE target_health SET measured_at = NOW(6) - INTERVAL 60 SECOND")
            brake = Brake(world.database, HealthWatch(world.database, replica))

            assert brake.allow(1, 100) == 0
            assert "replica lag" in brake.reason
        finally:
            replica.close()
            drop_schemas(url, name)
