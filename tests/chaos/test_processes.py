"""Processes with a clock that jumps, a thread that dies, a log that nobody can take, or rules of another time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from db import parks
from db.engine import Database
from db.target_health import HealthWatch, target_health
from examples.health_devices.scenario import scenario
from kafka_log.producer import LogWriter
from local_stack.debian import brought, packages_of_this_release
from local_stack.fetching import fetched
from local_stack.folders import cache_folder
from tests.chaos.longer import only_full
from tests.integration import forked
from tests.integration.applying import applying, doc, person
from tests.integration.evidence import OrderWatch
from tests.integration.legacy_topics import legacy_topics, write
from tests.integration.migrating import migrating
from tests.waiting import until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
THREADS = {
    "the sweeper of the worker": ("migration_worker", "migration_worker.sweeper:Sweeper.sweep"),
    "the worker's answers to health checks": ("migration_worker", "runtime.health:_Server.serve_forever"),
    "the ringer of the master": ("migration_master", "migration_master.ringing:Ringing.due"),
}


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


def test_clocks_that_jump_by_an_hour_change_nothing(servers, tmp_path):
    with migrating(servers, scenario(100), tmp_path) as world:
        world.publish_initial()
        world.begin_without_snapshot()
        watch = OrderWatch(world.database, world.scenario.target_schema, world.tables)
        watch.begin()
        world.begin_writing(1.0)
        for name, program in (("master", "migration_master"), ("one", "migration_worker"), ("two", "migration_worker")):
            world.children.start(name, "tests.chaos.unsteady", program)
        world.prove()

        assert watch.end() == []
        assert not world.exits


@only_full
def test_programs_whose_clocks_are_two_hours_apart_agree(servers, tmp_path):
    fetched(
        cache_folder(os.environ) / "faketime",
        "libfaketime of this release",
        lambda folder: packages_of_this_release(folder, "libfaketime", label="libfaketime", say=lambda _line: None),
    )
    library = brought(cache_folder(os.environ) / "faketime" / "root", "usr/lib/*/faketime/libfaketime.so.1")
    with migrating(servers, scenario(100), tmp_path) as world:
        world.publish_initial()
        world.begin_without_snapshot()
        world.begin_writing(1.0)
        for name, program, clock in (("master", "migration_master", "+1h"), ("one", "migration_worker", "-1h")):
            shifted = {"LD_PRELOAD": str(library), "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            world.children.start(name, program, **shifted)
        world.prove()


@pytest.fixture
def world(servers, tmp_path):
    with applying(servers, tmp_path) as found:
        yield found


def in_an_hour(database: Database, table: str, column: str) -> None:
    """As if the server's clock had been put back by an hour since."""
    with database.transaction() as session:
        session.execute(f"UPDATE {table} SET {column} = {column} + INTERVAL 1 HOUR")


def test_a_server_whose_clock_was_put_back_is_measured_again_and_parked_rows_are_tried(world):
    watch = HealthWatch(world.database)
    assert watch.reason() == ""
    world.put("logins", [("a", doc(id="a", login="x")), ("b", doc(id="b", login="x"))])
    world.drain()
    world.put("logins", [("a", doc(id="a", login="y"))])
    world.drain()
    in_an_hour(world.database, "target_health", "measured_at")
    in_an_hour(world.database, "parked_key", "next_try_at")

    with world.database.transaction() as session:
        assert target_health(session).stale
        stream_id = world.parts("logins").registered.stream_id
        due = [one for lane in range(4) for one in parks.due(session, stream_id, lane, limit=9)]
    assert len(due) == 1
    world.start()
    world.until_drained()
    until(lambda: world.ledger("logins").parked == 0, "no row is parked")
    assert world.rows("SELECT id, login FROM {target}.logins ORDER BY id") == [("a", "y"), ("b", "x")]


def test_a_worker_whose_log_has_no_room_works_on_and_leaves_in_good_order(world):
    world.put("people", [person(f"u{n}") for n in range(50)])
    worker = forked.service("migration_worker", world.environment, Path("/dev/full"))
    world.running.append(worker)

    world.until_drained()
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(60) == 0
    assert world.ledger("people").applied == 50


class TestAThreadThatDies:
    def test_takes_its_whole_process_along(self, world, servers, tmp_path):
        """All of them at once: each start takes a second."""
        (tmp_path / "legacy").mkdir()
        with legacy_topics(servers, tmp_path / "legacy") as legacy:
            topic = legacy.stream()
            legacy.capture()
            write(legacy, topic, 10)
            world.put("people", [person(f"u{n}") for n in range(50)])
            world.ring()
            running = {
                name: subprocess.Popen(
                    [sys.executable, "-m", "tests.chaos.dying", program, place], cwd=ROOT,
                    env={**os.environ, **(legacy.environment() if "master" in program else world.environment)},
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )
                for name, (program, place) in THREADS.items()
            }  # fmt: skip
            said = {name: process.communicate(timeout=60)[0] for name, process in running.items()}

        assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(THREADS, 1)
        assert all("thread_died" in text for text in said.values())


@pytest.mark.parametrize("program", ["migration_worker", "migration_master"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE stream SET key_version = key_version + 1", "version 2 of the key rules"),
        ("UPDATE stream SET partial = NOT partial", "the mapping says otherwise"),
        ("", "with 4 lanes"),
    ],
    ids=["key rules", "changes", "lanes"],
)
def test_rules_of_another_time_are_refused_at_the_start(world, program, change, told, tmp_path):
    with world.database.transaction() as session:
        if change:
            session.execute(change)
    if not change:
        world.mapping_file.write_text(world.mapping_file.read_text().replace("lanes: 4", "lanes: 8"))
    environment = {**world.environment, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}

    refused = forked.service(program, environment, tmp_path / "log")

    assert refused.wait(60) == 2
    assert told in (tmp_path / "log").read_text()


def test_a_transaction_that_never_ends_is_told_at_the_second_look(servers, tmp_path, caplog):
    with legacy_topics(servers, tmp_path) as legacy:
        topic = legacy.stream()
        legacy.capture()
        writer = LogWriter(legacy.config, transactional_id=legacy.name)
        writer.begin()
        writer.produce(topic, b"{}", key=b'{"id": "open"}', partition=0)
        writer.flush()
        write(legacy, topic, 5)
        master = legacy.master(look_seconds=0.0)

        def told():
            return [(one.topic, getattr(one, "from"), one.to) for one in caplog.records if "open" in one.message]

        master.turn()
        once = told()
        master.turn()
        twice = told()
        writer.commit()

    assert once == []
    assert twice == [(topic, 0, 6)]
