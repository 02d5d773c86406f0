"""Each test has parts of its own on servers that all tests share, and nothing of them stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from db.engine import Database
from db.registry import StreamDefinition, register
from db.schema import current, differences, head
from kafka_log.watermarks import LogView
from migration_core.doorbell import Doorbell
from migration_core.errors import ConfigError
from tests.servers import own
from tests.servers.schemas import control_schema
from tests.waiting import until
from work_queue.attributes import attributes
from work_queue.client import client

ROOT = Path(__file__).parents[2]


def schemas(database: Database) -> set[str]:
    with database.transaction() as session:
        return {name for (name,) in session.rows("SELECT schema_name FROM information_schema.schemata")}


def test_a_control_schema_is_at_the_codes_head_and_empty(database):
    assert current(database) == head()
    assert differences(database) == []
    with database.transaction() as session:
        assert session.rows("SELECT * FROM stream") == []


def test_what_a_test_left_in_its_schema_no_other_test_sees(servers):
    with control_schema(servers) as url:
        used = Database(url)
        register(used, StreamDefinition("users", 32, 1, False, "0" * 64))
        used.close()

    with control_schema(servers) as again:
        database = Database(again)
        with database.transaction() as session:
            assert session.rows("SELECT * FROM lane_head") == []
            assert session.rows("SHOW TABLES LIKE 'raw%'") == []
            assert session.rows("SELECT * FROM stream") == []
        database.close()

    assert again == url


def test_a_schema_that_a_test_has_changed_is_given_to_nobody(servers, database):
    with control_schema(servers) as url:
        used = Database(url)
        name = used.schema
        with used.transaction() as session:
            session.execute("ALTER TABLE lane_head DROP COLUMN head_time")
        used.close()

    assert name not in schemas(database)


def test_schemas_are_dropped_with_what_a_test_made_in_them(servers, database):
    name = own.fresh("target")
    with own.dropped_afterwards(servers, name):
        with database.transaction() as session:
            session.execute(f"CREATE DATABASE {name}")
        assert name in schemas(database)

    assert name not in schemas(database)


def test_a_target_schema_is_a_name_until_the_test_makes_it(database, target_schema):
    assert target_schema not in schemas(database)


def test_topics_are_as_ordered_and_removed_afterwards(servers, kafka_config):
    view = LogView(kafka_config)
    with own.topics(servers) as topic:
        name, other = topic("users", partitions=3), topic("users")
        found = view.describe([name, other])
        assert name != other
        assert len(found[name].partitions) == 3

    until(lambda: not {name, other} & view.topics(), "every broker knows that they are gone")


def test_a_queue_carries_doorbells_and_is_gone_afterwards(servers, queue, credentials):
    assert queue.ring([Doorbell("users", 3, 7)]) == []
    assert [delivery.bell for delivery in queue.receive()] == [Doorbell("users", 3, 7)]

    with own.fifo_queue(servers) as url:
        pass
    with pytest.raises(ConfigError, match="no queue"):
        attributes(client(own.REGION, endpoint=servers.sqs_endpoint), url)


def test_tests_that_ask_for_servers_can_be_left_out_without_their_saying_so(tmp_path):
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "def test_directly(servers): ...\ndef test_through_another(queue): ...\ndef test_without(tmp_path): ...\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path]
    found = subprocess.run(
        [*command, "-q", "--collect-only", "-m", "not servers", "-p", "no:cacheprovider"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert [line for line in found.stdout.splitlines() if "::" in line] == ["test_it.py::test_without"], found.stdout
