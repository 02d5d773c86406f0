"""Servers that come back with less than they had: an old copy restored, a tail lost in a fail-over, a log cut short."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from db.engine import Database, parsed_url
from db.failure import SqlError
from db.ledger import ledger
from examples.health_devices.scenario import scenario
from local_stack.folders import cache_folder
from local_stack.mysql import MySql
from local_stack.ports import free_port
from local_stack.process import start
from local_stack.server import Place
from local_stack.stack import LocalStack
from runtime.retry import patiently
from tests.chaos.longer import only_full
from tests.integration.legacy_topics import drain, legacy_topics, write
from tests.integration.migrating import Migrating, migrating
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

USERS = 100
_WITHIN_SECONDS = 100


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


@pytest.fixture
def stack(own_servers) -> LocalStack:
    if not isinstance(own_servers.stack, LocalStack):
        pytest.skip("the files of servers in containers are not at hand")
    return own_servers.stack


def copied(source: Path, to: Path) -> Path:
    """A folder of a server that stands still; files of zeros take no room."""
    subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always", str(source), str(to)], check=True)
    return to


def reconnected(world: Migrating) -> None:
    """Sessions of the test itself, which do not try again as the programs do."""
    world.database.close()


def test_an_old_copy_of_the_server_restored_in_mid_run_goes_back_as_a_whole_and_catches_up(
    stack, own_servers, tmp_path
):
    data = stack.directory / "mysql" / "data"
    with migrating(own_servers.servers, scenario(USERS), tmp_path) as world:
        world.publish_initial()
        world.begin_without_snapshot()
        writer = world.begin_writing(1.0, share=0.4)
        world.start_services(workers=1)
        world.until(lambda: world.stored() > USERS, "some rows are stored")
        stack.kill("mysql")
        old = copied(data, tmp_path / "old")
        stack.start("mysql")
        reconnected(world)
        before = world.stored()
        writer.allow(1)
        world.until(lambda: world.stored() > before + USERS, "more rows are stored")
        lost = world.stored()

        stack.kill("mysql")
        shutil.rmtree(data)
        old.rename(data)
        stack.start("mysql")
        reconnected(world)

        assert world.stored() < lost
        world.prove(patience=150)


@contextmanager
def replica(primary: LocalStack, folder: Path) -> Iterator[str]:
    """The address of a second server that follows `primary`, which has nothing to do for the moment."""
    primary.stop("mysql")
    (folder / "mysql").mkdir()
    data = copied(primary.directory / "mysql" / "data", folder / "mysql" / "data")
    (data / "auto.cnf").unlink()
    primary.start("mysql")
    source = parsed_url(primary.servers().mysql_url + "mysql")
    with _session(primary.servers().mysql_url) as session:
        file, position, *_ = session.one("SHOW BINARY LOG STATUS")
    server, port = MySql(), free_port()
    place = Place(cache_folder(os.environ), folder / "mysql", say=lambda _line: None)
    command = [*server.prepare(place, {"mysql": port}).arguments, "--server-id=2"]
    process = start(command, log=folder / "mysql" / "mysql.log")
    url = server.address(port)
    try:
        until(lambda: server.version(url), "the replica answers", seconds=_WITHIN_SECONDS)
        with _session(url) as session:
            session.execute(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = %s, "
                "SOURCE_PASSWORD = %s, SOURCE_LOG_FILE = %s, SOURCE_LOG_POS = %s, GET_SOURCE_PUBLIC_KEY = 1",
                (source.host, source.port, source.username, source.password, file, position),
            )
            session.execute("START REPLICA")
        yield url
    finally:
        process.stop(kill=True)


@contextmanager
def _session(server: str):
    database = Database(server + "mysql", pool_size=1)
    try:
        with database.transaction() as session:
            yield session
    finally:
        database.close()


@only_full
def test_a_fail_over_to_another_address_that_loses_a_tail_loses_no_record(stack, own_servers, tmp_path):
    (tmp_path / "world").mkdir()
    with (
        replica(stack, tmp_path) as second,
        migrating(own_servers.servers, scenario(USERS), tmp_path / "world") as world,
    ):
        address = tmp_path / "url"
        address.write_text(world.environment.pop("DATABASE_URL"), encoding="utf-8")
        world.environment["DATABASE_URL_FILE"] = str(address)
        world.publish_initial()
        world.begin_without_snapshot()
        writer = world.begin_writing(1.0, share=0.4)
        world.start_services(workers=1)
        new = second + world.database.schema
        there = Database(new, pool_size=2)
        until(lambda: _stored(there) > USERS, "the replica gets rows", seconds=_WITHIN_SECONDS)
        with _session(second) as session:
            session.execute("STOP REPLICA")
        kept = _stored(there)
        writer.allow(1)
        world.until(lambda: world.stored() > kept + USERS, "rows are stored that the replica never gets")

        stack.kill("mysql")
        with _session(second) as session:
            session.execute("RESET REPLICA ALL")
        address.write_text(new, encoding="utf-8")
        world.database.close()
        first, world.database = world.database, there
        try:
            world.prove(patience=150)
        finally:
            world.children.stop()
            world.database = first
            there.close()
            stack.start("mysql")


def _stored(database: Database) -> int:
    """Raw rows, where the schema has come to."""
    try:
        return sum(one.received for one in ledger(database))
    except SqlError:
        return 0


def whole_batches(segment: Path, most: int) -> int:
    """Where the last batch ends that lies within the first `most` bytes."""
    log, end = segment.read_bytes(), 0
    while (following := end + 12 + int.from_bytes(log[end + 8 : end + 12])) <= most:
        end = following
    return end


def test_a_log_whose_tail_the_broker_lost_stops_its_stream_before_anything_else_is_read(stack, own_servers, tmp_path):
    with legacy_topics(own_servers.servers, tmp_path) as legacy:
        topic = legacy.stream()
        legacy.capture()
        for first in range(0, 200, 20):
            write(legacy, topic, 20, first=first)
        drain(legacy.master(), legacy)
        stack.stop("kafka")
        (segment,) = (stack.directory / "kafka" / "data" / f"{topic}-0").glob("*.log")
        os.truncate(segment, whole_batches(segment, segment.stat().st_size // 2))
        for made_from_it in segment.parent.glob("*index"):
            made_from_it.unlink()
        stack.start("kafka")
        patiently(legacy.ends, stop=Event(), what="the leaders", patience=timedelta(seconds=_WITHIN_SECONDS))
        assert 0 < legacy.ends()[topic, 0] < 200
        write(legacy, topic, 200, first=1000)  # other records come to stand where the lost ones stood

        master = legacy.start()

        assert master.wait(60) == 1
        ((halted,),) = legacy.rows("SELECT halted FROM source_offset")
        assert "stands another record" in halted
        assert len(legacy.stored()) == 200
