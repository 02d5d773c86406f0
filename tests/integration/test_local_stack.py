"""Servers of a test's own: where they were after a restart, durable over a kill, and frank about why they died."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from db.engine import Database
from examples import processed_schema
from kafka_log.failure import TopicMissing
from kafka_log.producer import LogWriter
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from local_stack.folders import cache_folder
from local_stack.servers import ServerFailed
from local_stack.stack import LocalStack, running, why_not
from migration_core.errors import Transient
from migration_core.finding import Verdict
from migration_verifier.checks.database import database_findings
from migration_verifier.checks.variables import variable_findings
from migration_verifier.drift import find_drift
from runtime.retry import patiently
from tests.servers import own
from tests.servers.schemas import control_schema
from work_queue.attributes import attributes, ensure_queue
from work_queue.client import client

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "examples/health_devices/migrations"


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("own") / "with a space"
    with LocalStack(folder, cache=cache_folder(os.environ)) as stack:
        yield stack


class TestOwnServers:
    """The same, whether they are containers or processes."""

    def test_they_are_not_the_shared_ones(self, servers, own_servers):
        shared = {servers.mysql_url, servers.kafka_bootstrap, servers.sqs_endpoint}
        assert not shared & {
            own_servers.servers.mysql_url,
            own_servers.servers.kafka_bootstrap,
            own_servers.servers.sqs_endpoint,
        }

    def test_what_mysql_has_committed_outlives_a_kill(self, own_servers):
        with control_schema(own_servers.servers) as url:
            before = Database(url)
            with before.transaction() as session:
                session.execute("CREATE TABLE kept (id INT PRIMARY KEY)")
                session.execute("INSERT INTO kept VALUES (7)")

            own_servers.stack.restart("mysql", kill=True)

            before.close()
            after = Database(url)
            with after.transaction() as session:
                assert session.rows("SELECT id FROM kept") == [(7,)]
            after.close()

    def test_mysql_is_as_durable_as_in_production(self, own_servers):
        database = Database(own.schema_url(own_servers.servers, "mysql"))
        with database.transaction() as session:
            found = session.one(
                "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@log_bin, @@binlog_format, @@local_infile, "
                "@@character_set_server, @@max_allowed_packet"
            )
        database.close()

        assert found == (1, 1, 1, "ROW", 1, "utf8mb4", 64 << 20)

    def test_settings_that_the_application_would_take_are_found_by_drift_and_preflight_and_mended(self, own_servers):
        """Here, because on the shared server they would be everybody's."""
        with control_schema(own_servers.servers) as url, own.dropped_afterwards(own_servers.servers, "shop"):
            processed_schema.upgrade(url, "shop", MIGRATIONS)
            database = Database(url)
            with database.transaction() as session:
                session.execute("SET GLOBAL sql_mode = 'ONLY_FULL_GROUP_BY'")
                session.execute("SET GLOBAL time_zone = '+09:00'")
                session.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
                session.execute("SET GLOBAL innodb_lock_wait_timeout = 1")

            drift = find_drift(database, url, "shop", MIGRATIONS)
            found = {one.check: one.verdict for one in (*database_findings(database), *variable_findings(database))}

            assert [(one.name, one.live) for one in drift.differences] == [
                ("sql_mode", "ONLY_FULL_GROUP_BY"),
                ("time_zone", "+09:00"),
            ]
            assert (found["sql_mode"], found["time_zone"], found["durable"]) == (Verdict.FAIL,) * 3
            assert found["lock timeouts"] is Verdict.WARN
            with database.transaction() as session:
                for statement in drift.statements:
                    session.execute(statement.sql)
                session.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
                session.execute("SET GLOBAL innodb_lock_wait_timeout = 50")
            assert find_drift(database, url, "shop", MIGRATIONS).differences == ()
            database.close()

    @pytest.mark.parametrize("kill", [False, True])
    def test_kafka_comes_back_where_it_was_with_its_records(self, own_servers, kill):
        config = {"bootstrap.servers": own_servers.servers.kafka_bootstrap}
        topic = own.fresh("log")
        TopicAdmin(config).create(topic)
        writer = LogWriter(config)
        writer.produce(topic, b"{}", key=b"1")
        writer.close()

        own_servers.stack.restart("kafka", kill=kill)

        (end,) = patiently(  # the broker answers before it leads its partitions
            lambda: LogView(config).offsets_now([topic]),
            stop=Event(),
            what="Kafka",
            patience=timedelta(seconds=60),
            passes=lambda error: isinstance(error, (Transient, TopicMissing)),
        )
        assert end.offset == 1

    def test_sqs_comes_back_where_it_was_without_its_queues(self, own_servers, credentials):
        endpoint = own_servers.servers.sqs_endpoint
        sqs = client(own.REGION, endpoint=endpoint)
        ensure_queue(sqs, "bells.fifo")

        own_servers.stack.restart("sqs", kill=True)

        assert attributes(sqs, ensure_queue(sqs, "bells.fifo")).messages == 0
        sqs.close()


@pytest.mark.servers
@pytest.mark.skipif(why_not() is not None, reason=f"no native servers here: {why_not()}")
class TestNative:
    """`python -m local_stack` in a folder of its own, with a space in its name."""

    def cli(self, stack: LocalStack, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "STACK_DIR": str(stack.directory)}
        command = [sys.executable, "-m", "local_stack", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)

    def test_a_server_that_died_says_why_in_one_line(self, stack):
        stack.stop("mysql")
        redo = stack.directory / "mysql" / "data" / "ibdata1"
        redo.rename(redo.with_suffix(".away"))
        redo.mkdir()

        with pytest.raises(ServerFailed, match=r"^MySQL died: ") as caught:
            stack.start("mysql")
        status = self.cli(stack, "status")

        assert "\n" not in str(caught.value)
        assert str(stack.log("mysql")) in str(caught.value)
        assert status.returncode == 1
        assert "MySQL" in status.stdout
        assert "died: " in status.stdout
        redo.rmdir()
        redo.with_suffix(".away").rename(redo)
        stack.start("mysql")
        assert self.cli(stack, "status").returncode == 0

    def test_a_server_that_was_killed_is_brought_up_where_it_was(self, stack):
        before = stack.servers()
        stack.kill("kafka")
        assert running(stack.directory) is None

        assert stack.up() == before

    def test_reset_leaves_neither_a_process_nor_data(self, stack):
        processes = list(stack._state().processes.values())

        assert self.cli(stack, "reset").returncode == 0

        assert len(processes) == 3
        assert not any(process.alive() for process in processes)
        assert {entry.name for entry in stack.directory.iterdir()} == {"lock"}
        assert self.cli(stack, "status").returncode == 1
