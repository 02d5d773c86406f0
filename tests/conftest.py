"""Real servers for the tests that need them, with a schema, topics and a queue of each test's own."""

import os
import sys
from collections.abc import Iterator

import pytest

from db.engine import Database
from local_stack.own import own_stack
from local_stack.servers import Servers
from migration_core.errors import MigrationError
from tests.integration.applying import Applying, applying
from tests.integration.fleet import Fleet, fleet
from tests.servers import dealing, own
from tests.servers.provision import TestRun
from tests.servers.schemas import control_schema, drop_free
from work_queue.client import client
from work_queue.queue import WorkQueue

_SERVERS = pytest.StashKey[Servers | MigrationError]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for servers can be left out by `-m "not servers"`; and files come in a good order."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.servers)
    dealing.in_turn(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring the servers up before the first test: a download must not count against the test's time."""
    config = session.config
    wanted = any("servers" in getattr(item, "fixturenames", ()) for item in session.items)
    if not wanted or config.option.collectonly:
        return
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        try:
            config.stash[_SERVERS] = TestRun(os.environ).servers(_say)
        except MigrationError as error:
            config.stash[_SERVERS] = error


def pytest_unconfigure() -> None:
    """Stop what the run has started."""
    TestRun(os.environ).end()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Where MySQL, Kafka and SQS are."""
    found = request.config.stash[_SERVERS]
    if isinstance(found, MigrationError):
        pytest.fail(f"no servers to test on: {found}", pytrace=False)
    yield found
    drop_free(found)


@pytest.fixture(scope="module")
def own_servers(servers: Servers) -> Iterator[own.OwnServers]:
    """Servers that no other module uses, to be stopped and killed; started where and as the shared ones were."""
    with own_stack(os.environ, say=_say) as (stack, addresses):
        yield own.OwnServers(stack, addresses)


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """DATABASE_URL of an empty control schema at the code's head."""
    with control_schema(servers) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same schema, opened as the master opens it."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def shared(servers: Servers, module_credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applying]:
    """One world of the worker's for all tests of a module: each empties it first."""
    with applying(servers, tmp_path_factory.mktemp("shared")) as world:
        yield world


@pytest.fixture(scope="module")
def shared_fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One world with statistics for all tests of a module: each makes it as new first."""
    with fleet(servers, tmp_path_factory.mktemp("fleet")) as world:
        yield world


@pytest.fixture
def target_schema(servers: Servers) -> Iterator[str]:
    """A name for a processed schema; what a test creates under it is dropped."""
    name = own.fresh("target")
    with own.dropped_afterwards(servers, name):
        yield name


@pytest.fixture
def kafka_config(servers: Servers) -> dict[str, str]:
    """How clients of `kafka_log` reach the broker."""
    return {"bootstrap.servers": servers.kafka_bootstrap}


@pytest.fixture
def topic(servers: Servers) -> Iterator[own.TopicFactory]:
    """`topic("users", partitions=2)` makes a topic of the test's own and names it."""
    with own.topics(servers) as make:
        yield make


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the SDK."""
    _give_credentials(monkeypatch)


@pytest.fixture(scope="module")
def module_credentials() -> Iterator[None]:
    """The same for what all tests of a module share."""
    with pytest.MonkeyPatch.context() as patch:
        _give_credentials(patch)
        yield


@pytest.fixture
def queue_url(servers: Servers, credentials: None) -> Iterator[str]:
    """An empty FIFO queue."""
    with own.fifo_queue(servers) as url:
        yield url


@pytest.fixture
def queue(servers: Servers, queue_url: str) -> Iterator[WorkQueue]:
    """The same queue, opened as services open it."""
    queue = WorkQueue(client(own.REGION, endpoint=servers.sqs_endpoint), queue_url)
    yield queue
    queue.close()


def _give_credentials(patch: pytest.MonkeyPatch) -> None:
    """What the SDK insists on and no local server looks at."""
    patch.setenv("AWS_ACCESS_KEY_ID", "none")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "none")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
