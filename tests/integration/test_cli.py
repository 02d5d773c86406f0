"""The commands on real servers, as a person and as a script use them."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from db import raw
from db.engine import Database
from db.registry import StreamDefinition, register
from db.rejects import LaneRejection, store_rejects
from db.schema import head
from migration_core.errors import Reason
from migration_core.records import RawRow, Received
from tests.integration.command_line import Cli
from work_queue.attributes import ensure_queue
from work_queue.client import client

pytestmark = [pytest.mark.servers, pytest.mark.long]


@pytest.fixture
def cli(servers, monkeypatch, capsys) -> Iterator[Cli]:
    """On a schema that does not exist yet."""
    name = f"cli_{uuid4().hex[:12]}"
    url = make_url(servers.mysql_url).set(database=name).render_as_string(hide_password=False)
    yield Cli(url, monkeypatch, capsys)
    server = Database(make_url(servers.mysql_url).set(database="mysql").render_as_string(hide_password=False))
    with server.transaction() as session:
        for schema in (name, f"{name}_shop"):
            session.execute(f"DROP DATABASE IF EXISTS {schema}")
    server.close()


@pytest.fixture
def control(cli) -> Iterator[Database]:
    """The control schema with streams `users` and `devices`, one partition and one part of users."""
    assert cli.run("schema", "upgrade", "--create")[0] == 0
    database = Database(cli.env["DATABASE_URL"])
    for stream in ("users", "devices"):
        register(database, StreamDefinition(stream, lanes=4, key_version=1, partial=False, mapping_hash="0" * 64))
    with database.transaction() as session:
        session.execute("INSERT INTO source (source_id, stream_id, kind) VALUES (7, 1, 'partition'), (8, 1, 'part')")
        session.execute(
            "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
            "end_offset, next_offset, halted, halted_from, halted_to) "
            "VALUES (7, 1, 'legacy.users', 'id', 3, 10, 20, 30, 'offsets 30 to 44 are gone', 30, 44)"
        )
        session.execute(
            "INSERT INTO snapshot (snapshot_id, stream_id, generation, manifest_sha256, folder) "
            "VALUES (1, 1, 1, '', '/snapshot')"
        )
        session.execute(
            "INSERT INTO snapshot_part (source_id, snapshot_id, part, file, `rows`, bytes, sha256) "
            "VALUES (8, 1, 2, 'users-2.ndjson', 5, 50, '')"
        )
        session.execute("UPDATE lane_head SET head = 100, `rows` = 25 WHERE stream_id = 1 AND lane = 2")
        session.execute(
            "UPDATE lane_progress SET applied = 60, open_to = 1000, n_applied = 10, n_superseded = 3, n_filtered = 1, "
            "n_rejected = 2 WHERE stream_id = 1 AND lane = 2"
        )
        waiting = Received(30, b"7", b"{}", None, 1000, 0)
        raw.insert(session, "users", [raw.line(2, 61, 7, waiting, b"[7]")])
    yield database
    database.close()


def rejection(source: int, offset: int, sequence: int, code: str, value: bytes) -> LaneRejection:
    row = RawRow(sequence, source, offset, b"[7]", b"7", value, None, 0)
    return LaneRejection(2, row, Reason("transform", code, "$.age", "not a number", "string"))


@pytest.fixture
def rejects(control) -> None:
    found = [
        rejection(7, 12, 41, "TYPE_MISMATCH", b'{"age":"\x1b[31mold"}'),
        rejection(8, 5, 42, "TYPE_MISMATCH", b'{"age":"x"}'),
        rejection(7, 13, 43, "FIELD_NULL", b"{}"),
    ]
    with control.transaction() as session:
        store_rejects(session, 1, "users", found, version="0.1.0")


# schema


def test_the_control_schema_is_made_upgraded_and_compared(cli):
    assert cli.run("schema", "current")[0] == 1

    first = cli.json("schema", "upgrade", "--create")
    again = cli.json("schema", "upgrade", "--create")

    assert first == again
    assert cli.json("schema", "current") == {"current": first["revision"], "head": first["revision"]}
    assert cli.run("schema", "compare") == (0, "no difference\n", "")


def test_a_schema_that_differs_from_the_code_is_found(cli, control):
    with control.transaction() as session:
        session.execute("ALTER TABLE lane_head DROP COLUMN head_time")

    code, out, _ = cli.run("schema", "compare")

    assert code == 1
    assert "head_time" in out


MAPPING = """\
target_schema: {schema}
streams:
  orders:
    topic: legacy.orders
    key: $.id
    lanes: {lanes}
    tables:
      orders:
        key: id
        columns:
          id: $.id
          total: {{path: $.total, type: decimal}}
"""


@pytest.fixture
def mapping(cli, tmp_path) -> Path:
    """A mapping in force, and the processed table that it fills."""
    control = cli.env["DATABASE_URL"].rpartition("/")[2]
    file = tmp_path / "migration.yaml"
    file.write_text(MAPPING.format(schema=f"{control}_shop", lanes=8))
    server = Database(cli.env["DATABASE_URL"].replace(control, "mysql"))
    with server.transaction() as session:
        session.execute(f"CREATE DATABASE {control}_shop")
        session.execute(
            f"CREATE TABLE {control}_shop.orders (id VARCHAR(40) COLLATE utf8mb4_0900_bin PRIMARY KEY, "
            "total DECIMAL(10, 2))"
        )
    server.close()
    cli.env["MIGRATION_CONFIG"] = str(file)
    return file


def test_streams_of_the_mapping_are_registered_with_the_schema(cli, mapping):
    first = cli.json("schema", "upgrade", "--create")

    assert first["streams"] == ["orders"]
    assert cli.json("schema", "upgrade") == first
    assert [one["stream"] for one in cli.json("status")] == ["orders"]


def test_another_number_of_lanes_than_was_registered_is_refused(cli, mapping):
    cli.json("schema", "upgrade", "--create")
    mapping.write_text(mapping.read_text().replace("lanes: 8", "lanes: 16"))

    code, _, err = cli.run("schema", "upgrade")

    assert code == 2
    assert "registered with lanes 8, the mapping says 16" in err


# pause, resume


def test_a_stream_is_paused_with_its_reason_and_resumed(cli, control):
    paused = cli.json("pause", "users", "--reason", "index rebuild")
    assert {(one["stream"], one["state"], one["reason"]) for one in paused} == {
        ("users", "paused", "index rebuild"),
        ("devices", "running", ""),
    }

    assert cli.json("pause", "users", "--reason", "index rebuild") == paused
    assert {one["state"] for one in cli.json("resume", "users")} == {"running"}


def test_all_streams_are_meant_only_when_said_so(cli, control):
    code, _, err = cli.run("pause")
    assert (code, err) == (2, "name streams, or write --all\n")

    assert {one["state"] for one in cli.json("pause", "--all")} == {"paused"}


def test_a_misspelt_stream_changes_nothing_and_is_pointed_out(cli, control):
    code, _, err = cli.run("pause", "devices", "user")

    assert (code, err) == (2, "there is no stream 'user'; did you mean 'users'?\n")
    assert {one["state"] for one in cli.json("status")} == {"running"}


# status, source


def test_status_tells_outcomes_and_what_is_pending(cli, control):
    users = next(one for one in cli.json("status") if one["stream"] == "users")

    assert {name: users[name] for name in ("received", "applied", "superseded", "filtered", "rejected", "pending")} == {
        "received": 25, "applied": 10, "superseded": 3, "filtered": 1, "rejected": 2, "pending": 9,
    }  # fmt: skip
    assert users["rows_per_second"] == 0
    assert users["eta_seconds"] is None
    assert users["lag_seconds"] > 1_000_000
    assert users["lag_records"] is None


def test_status_is_one_line_a_stream_when_it_is_piped(cli, control):
    code, out, _ = cli.run("status")

    lines = [line.split() for line in out.splitlines() if line.startswith(("users", "devices"))]
    assert code == 0
    assert lines[1][:9] == ["users", "loading", "25", "10", "3", "1", "0", "2", "9"]
    assert "\x1b" not in out


def test_watching_prints_a_line_a_look_until_it_is_interrupted(cli, control):
    child = cli.start("status", "--watch", "--json", "--every", "0.2")
    looks = [json.loads(child.stdout.readline()) for _ in range(3)]

    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)

    assert [len(look) for look in looks] == [2, 2, 2]
    assert (child.returncode, err) == (0, "")


def test_a_gap_is_shown_with_its_range(cli, control):
    [found] = cli.json("source", "show")

    assert (found["topic"], found["partition"], found["next_offset"]) == ("legacy.users", 3, 30)
    assert (found["halted_from"], found["halted_to"]) == (30, 44)
    assert "offsets 30 to 44 are gone" in cli.run("source", "show")[1]


# rejects


def test_rejects_are_grouped_by_cause_the_most_frequent_first(cli, rejects):
    found = cli.json("rejects", "list")

    assert [(one["code"], one["rejects"], one["field_path"]) for one in found] == [
        ("TYPE_MISMATCH", 2, "$.age"),
        ("FIELD_NULL", 1, "$.age"),
    ]
    assert cli.json("rejects", "list", "--stream", "devices") == []


def test_a_reject_tells_its_place_and_keeps_its_bytes_to_itself(cli, rejects):
    pattern = cli.json("rejects", "list")[0]["pattern"]

    code, out, _ = cli.run("rejects", "show", pattern[:10])

    assert code == 0
    assert "users legacy.users[3]@12: TYPE_MISMATCH at $.age: not a number" in out
    assert "users users-2.ndjson part 2 line 5: TYPE_MISMATCH" in out
    assert "old" not in out
    assert "value" not in cli.json("rejects", "show", pattern)[0]


def test_a_rejects_bytes_are_shown_when_asked_for_and_cannot_drive_the_terminal(cli, rejects):
    pattern = cli.json("rejects", "list")[0]["pattern"]

    _, out, _ = cli.run("rejects", "show", pattern, "--bytes", "--limit", "1")

    assert r'{"age":"\x1b[31mold"}' in out
    assert "\x1b" not in out


def test_a_pattern_that_does_not_exist_is_usage(cli, rejects):
    code, _, err = cli.run("rejects", "show", "zzz")

    assert code == 2
    assert "migration rejects list" in err


# check


@pytest.fixture
def queue(servers, cli, monkeypatch) -> Iterator[str]:
    secrets = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    sqs = client("eu-central-1", endpoint=servers.sqs_endpoint)
    url = ensure_queue(sqs, f"cli-{uuid4().hex}.fifo")
    cli.env |= {
        "SQS_QUEUE_URL": url,
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        **secrets,
    }
    yield url
    sqs.delete_queue(QueueUrl=url)
    sqs.close()


def verdicts(found: list[dict]) -> dict[tuple[str, str], str]:
    return {(one["part"], one["check"]): one["verdict"] for one in found}


def test_check_passes_on_parts_that_are_as_they_should_be(cli, control, queue):
    found = verdicts(cli.json("check", code=1))  # no mapping and no Kafka here

    assert {verdict for (part, _), verdict in found.items() if part in ("database", "queue")} <= {"pass", "warn"}
    for place in (("database", "durable"), ("database", "control schema"), ("queue", "FIFO")):
        assert found[place] == "pass"


def test_check_says_no_with_the_remedy_when_the_schema_is_old(cli, control, queue):
    with control.transaction() as session:
        session.execute("UPDATE control_version SET version_num = '0000'")

    found = cli.json("check", code=1)

    [schema] = [one for one in found if one["check"] == "control schema"]
    assert (schema["verdict"], schema["found"]) == ("fail", f"0000, needs {head()}")
    assert "migration schema upgrade" in schema["remedy"]


def test_check_finds_what_the_mapping_and_the_processed_schema_disagree_about(cli, mapping, queue):
    cli.json("schema", "upgrade", "--create")
    good = [one for one in cli.json("check", code=1) if one["part"] == "mapping"]  # no Kafka here, hence 1
    mapping.write_text(mapping.read_text().replace("total:", "sum:"))
    bad = [one for one in cli.json("check", code=1) if one["part"] == "mapping" and one["verdict"] == "fail"]

    assert [one["verdict"] for one in good] == ["pass", "pass", "pass"]
    assert len(bad) == 1
    assert "migration.yaml:12" in bad[0]["found"]


def test_check_shows_no_secret(cli, control, queue):
    cli.env["DATABASE_URL"] = cli.env["DATABASE_URL"].replace("root:", "root:hush", 1)

    _, out, err = cli.run("check")

    assert "hush" not in out + err


def test_check_says_try_again_when_parts_are_only_away(cli, mapping, queue):
    cli.json("schema", "upgrade", "--create")
    cli.env["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:9"
    cli.env["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"

    found = verdicts(cli.json("check", code=75))

    assert found["queue", "reachable"] == found["topics", "reachable"] == "away"
