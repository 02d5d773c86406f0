"""`migration preflight` on real servers, with each kind of trouble planted."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.engine import Database
from db.server_facts import own_grants
from examples import processed_schema
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from migration_core.grants import rights_on
from migration_core.manifest import Manifest, Part, StreamSnapshot, TopicOffsets, render
from tests.integration.command_line import Cli
from tests.servers import own
from work_queue.client import client

pytestmark = pytest.mark.servers

EXAMPLE = Path(__file__).parents[2] / "examples/health_devices"
WEEK_MS = int(timedelta(days=7).total_seconds() * 1000)


class Ready:
    """Everything that a migration needs, and the command that looks at it."""

    def __init__(self, cli: Cli, database: Database, users: str) -> None:
        self.cli, self.database, self.users = cli, database, users

    def said(self, *arguments: str, code: int = 0) -> dict[tuple[str, str], list[dict[str, str]]]:
        found: dict[tuple[str, str], list[dict[str, str]]] = {}
        for one in self.cli.json("preflight", *arguments, code=code):
            found.setdefault((one["part"], one["check"]), []).append(one)
        return found


@pytest.fixture
def cli(database_url, monkeypatch, capsys) -> Cli:
    return Cli(database_url, monkeypatch, capsys)


@pytest.fixture
def ready(servers, database, target_schema, topic, queue_url, tmp_path, cli) -> Ready:
    processed_schema.upgrade(cli.env["DATABASE_URL"], target_schema, EXAMPLE / "migrations")
    users = topic("users", partitions=2, config={"retention.ms": str(WEEK_MS)})
    text = (EXAMPLE / "migration.yaml").read_text().partition("  devices:\n")[0]  # one stream is enough
    text = text.replace("schema: health_devices", f"schema: {target_schema}").replace("legacy.users", users)
    (tmp_path / "migration.yaml").write_text(text)
    cli.env |= {
        "MIGRATION_CONFIG": str(tmp_path / "migration.yaml"),
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
        "SQS_QUEUE_URL": queue_url,
        "AWS_REGION": own.REGION,
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    assert cli.run("schema", "upgrade")[0] == 0
    return Ready(cli, database, users)


def verdicts(found: dict[tuple[str, str], list[dict[str, str]]], *place: str) -> list[str]:
    return [one["verdict"] for one in found[place]]


def test_what_is_ready_passes_every_part(ready):
    found = ready.said()

    assert {part for part, _ in found} == {"database", "grants", "variables", "mapping", "topics", "queue", "space"}
    assert [one["found"] for one in found["space", "snapshot"]] == ["SNAPSHOT_DIR is not set"]
    assert verdicts(found, "topics", "retention for the plan") == ["pass"]
    assert verdicts(found, "topics", "rights") == ["pass"]
    assert verdicts(found, "grants", ready.database.schema) == ["pass"]


def test_a_longer_plan_than_the_topics_keep_their_records_fails_and_names_the_setting(ready):
    found = ready.said("--for-hours", "169", code=1)

    [one] = found["topics", "retention for the plan"]
    assert (one["verdict"], one["remedy"].split(":")[0]) == ("fail", f"set retention.ms={2 * 169 * 3600 * 1000}")
    assert ready.users in one["found"]


def test_sizes_and_compaction_that_take_records_before_their_time_are_told(ready, kafka_config):
    policy = {"cleanup.policy": "compact,delete", "delete.retention.ms": "3600000", "retention.bytes": "1000000"}
    TopicAdmin(kafka_config).configure(ready.users, policy)

    found = ready.said()

    assert verdicts(found, "topics", "retention.bytes") == ["warn"]
    assert verdicts(found, "topics", "delete.retention.ms") == ["warn"]


def test_partitions_that_nobody_reads_fail_and_name_the_command(ready, kafka_config):
    users = ready.users
    topic_id = LogView(kafka_config).describe([users])[users].topic_id
    with ready.database.transaction() as session:
        stream = session.one("SELECT stream_id FROM stream WHERE name = 'users'")[0]
        for number in (0, 1):
            session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream,))
            session.execute(
                "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
                "end_offset, next_offset) VALUES (%s, %s, %s, %s, %s, 0, 0, 0)",
                (session.inserted_id(), stream, users, topic_id, number),
            )
    assert verdicts(ready.said(), "topics", "partitions") == ["pass"]
    TopicAdmin(kafka_config).add_partitions(users, 3)

    [one] = ready.said(code=1)["topics", "partitions"]

    assert (one["verdict"], one["found"]) == ("fail", f"{users}: 2 not registered")
    assert one["remedy"] == f"run `migration source accept-partitions {users}`"


def test_a_user_without_rights_is_told_the_grants(ready, servers):
    schema = ready.database.schema
    with own.user(servers, f"SELECT ON {schema}.*", "SHOW DATABASES ON *.*", schema=schema) as url:
        ready.cli.env["DATABASE_URL"] = url

        found = ready.said(code=1)

        [one] = found["grants", schema]
        assert one["remedy"].startswith("GRANT INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON")
        assert verdicts(found, "grants", "scratch schemas") == ["warn"]


def test_rights_that_come_by_a_role_count(servers, database):
    role = own.fresh("role")
    with own.user(servers, schema=database.schema) as url:
        name = url.split("//")[1].split(":")[0]
        with database.transaction() as session:
            session.execute(f"CREATE ROLE {role}")
            session.execute(f"GRANT SELECT, INSERT ON {database.schema}.* TO {role}")
            session.execute(f"GRANT {role} TO {name}")
            session.execute(f"SET DEFAULT ROLE ALL TO {name}")
        user = Database(url)
        try:
            assert rights_on(database.schema, own_grants(user)) >= {"SELECT", "INSERT"}
        finally:
            user.close()
            with database.transaction() as session:
                session.execute(f"DROP ROLE {role}")


def test_a_dead_letter_policy_that_busy_lanes_would_trip_is_told(ready, servers, queue_url):
    with own.fifo_queue(servers) as dead:
        sqs = client(own.REGION, endpoint=servers.sqs_endpoint)
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        assert verdicts(ready.said(), "queue", "dead letters") == ["warn"]
        for receives, verdict in ((3, "warn"), (1000, "pass")):
            policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})
            sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"RedrivePolicy": policy})

            assert verdicts(ready.said(), "queue", "dead letters") == [verdict]
        sqs.send_message(QueueUrl=dead, MessageBody="x", MessageGroupId="x", MessageDeduplicationId="x")
        ready.cli.env["SQS_DLQ_URL"] = dead
        assert verdicts(ready.said(), "queue", "dead letters") == ["pass", "warn"]
        sqs.close()


def test_the_snapshot_folder_is_measured_against_the_servers_disk(ready, tmp_path):
    folder = tmp_path / "snapshot"
    folder.mkdir()
    ready.cli.env["SNAPSHOT_DIR"] = str(folder)
    assert verdicts(ready.said(), "space", "snapshot") == ["warn"]

    (folder / "manifest.json").write_text(render(manifest(1 << 20)))
    assert verdicts(ready.said(), "space", "MySQL") in (["pass"], ["warn"])  # a container's disk cannot be seen

    (folder / "manifest.json").write_text("{}")
    assert verdicts(ready.said(code=1), "space", "snapshot") == ["fail"]


def manifest(size: int) -> Manifest:
    part = Part(file="users-1.ndjson", rows=1, bytes=size, decompressed_bytes=size, sha256="0" * 64)
    offsets = TopicOffsets(topic="t", topic_id="id", partition=0, start_offset=0, end_offset=0)
    stream = StreamSnapshot(name="users", container="ndjson", topics=(offsets,), parts=(part,))
    return Manifest(created_at=datetime(2026, 1, 1, tzinfo=UTC), streams=(stream,))


def test_a_part_that_is_away_is_no_verdict_on_the_others(ready):
    ready.cli.env["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:9"

    found = ready.said(code=75)

    assert verdicts(found, "queue", "reachable") == ["away"]
    assert verdicts(found, "topics", "rights") == ["pass"]
