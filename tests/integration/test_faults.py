"""Whole runs in which one thing goes wrong halfway; many things at once are for `test_chaos.py` and `make chaos`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from db.engine import Database, Session
from examples.health_devices.scenario import scenario
from local_stack.servers import Servers
from tests.chaos.plan import MASTER
from tests.integration.migrating import TRY_AGAIN, Migrating, migrating
from tests.servers.own import OwnServers, schema_url
from tests.servers.sessions import end

pytestmark = [pytest.mark.servers, pytest.mark.long]

USERS = 300
SECONDS = 4.0
"""Of live changes: long enough for faults to fall among them."""
FEW, ENOUGH = 2, 300
"""Connections, for programs that want more than the few."""


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


@contextmanager
def in_mid_run(servers: Servers, folder: Path, **variables: str) -> Iterator[Migrating]:
    """The platform's changes flow from here to the end, where everything is proved, order included."""
    with migrating(servers, scenario(USERS), folder) as world:
        world.environment.update(variables)
        world.publish_initial()
        world.begin_without_snapshot()
        yield world
        world.prove()


def test_a_second_master_in_mid_run_sends_the_first_away(servers, tmp_path):
    with in_mid_run(servers, tmp_path) as world:
        writer = world.begin_writing(SECONDS, share=0.5)
        world.start_services()
        world.until(lambda: world.stored() > 1000, "a good part stored")
        first = world.children.running[0]
        world.replaced.add(first.name)
        world.start("second-1", MASTER)
        world.until(lambda: world.epoch() == 2, "the second has taken over")
        writer.allow(1)

        assert first.process.wait(60) == TRY_AGAIN
        world.children.stop(first)


def test_a_queue_that_is_purged_in_mid_run(servers, tmp_path):
    with in_mid_run(servers, tmp_path) as world:
        writer = world.begin_writing(SECONDS)
        world.start_services()
        while not writer.done:
            world.queue.purge_queue(QueueUrl=world.environment["SQS_QUEUE_URL"])
            Event().wait(0.1)


def test_without_any_queue_the_sweeper_does_everything(servers, tmp_path):
    nobody = "http://127.0.0.1:9"
    with in_mid_run(servers, tmp_path, AWS_ENDPOINT_URL_SQS=nobody, SQS_QUEUE_URL=f"{nobody}/none.fifo") as world:
        world.begin_writing(SECONDS)
        world.start_services()


def test_mysql_that_may_not_be_written_and_then_takes_nobody_in_is_waited_for(own_servers: OwnServers, tmp_path):
    servers = own_servers.servers
    with in_mid_run(servers, tmp_path) as world, administering(servers) as server:
        writer = world.begin_writing(SECONDS, share=0.4)
        world.start_services()
        world.until(lambda: world.stored() > 1000, "a good part stored")
        server.execute("SET GLOBAL super_read_only = ON")
        writer.allow(0.7)
        world.until(lambda: "MySQL error 1290" in said(world), "somebody may not write")
        server.execute("SET GLOBAL read_only = OFF")
        writer.allow(1)
        server.execute(f"SET GLOBAL max_connections = {FEW}")
        end_others(server)
        world.until(lambda: "MySQL error 1040" in said(world), "somebody is not taken in")
        server.execute(f"SET GLOBAL max_connections = {ENOUGH}")
        world.database.close()  # the sessions that this test keeps were ended too

    assert {code for _, code in world.exits} <= {TRY_AGAIN}


def said(world: Migrating) -> str:
    """By all programs so far."""
    return "".join(log.read_text() for log in (world.folder / "logs").iterdir())


@contextmanager
def administering(servers: Servers) -> Iterator[Session]:
    """A session that nobody ends, and that leaves the server as it was."""
    database = Database(schema_url(servers, "mysql"), pool_size=1)
    with database.transaction() as session:
        session.execute("SET SESSION wait_timeout = 600")  # it idles while programs work
        try:
            yield session
        finally:
            session.execute("SET GLOBAL read_only = OFF")
            session.execute(f"SET GLOBAL max_connections = {ENOUGH}")
    database.close()


def end_others(server: Session) -> None:
    found = server.rows("SELECT id FROM performance_schema.processlist WHERE db IS NOT NULL AND id <> CONNECTION_ID()")
    end(server, [number for (number,) in found])
