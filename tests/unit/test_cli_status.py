"""What commands conclude from what they are told, without any server."""

from datetime import timedelta

import pytest

from db.ledger import StreamLedger
from db.server_facts import ServerFacts, Transport
from kafka_log.watermarks import Retention, TopicDescription
from migration_cli.check import exit_code
from migration_cli.console import lasting
from migration_cli.status import status_of
from migration_core.finding import Finding, Verdict
from migration_verifier.checks.database import schema_finding, server_findings, transport_finding
from migration_verifier.checks.queue import attribute_findings
from migration_verifier.checks.topics import one_topic
from work_queue.attributes import QueueAttributes


def ledger(**changes) -> StreamLedger:
    at_rest = {
        "stream": "users", "state": "running", "reason": "", "received": 100, "applied": 60, "superseded": 0,
        "filtered": 0, "parked": 0, "rejected": 0, "parked_keys": 0, "lanes_with_work": 1, "halted_lanes": 0,
        "head_time": None, "oldest_time": 5_000, "stream_open": True,
    }  # fmt: skip
    return StreamLedger(**(at_rest | changes))


def test_rate_and_time_left_come_from_two_looks():
    found = status_of(ledger(applied=60), ledger(applied=40), 2.0, lag_records=160, now_ms=9_000)

    assert found.rows_per_second == 10
    assert found.pending == 40
    assert found.eta_seconds == 20
    assert found.lag_seconds == 4


def test_a_first_look_knows_no_rate_and_no_time_left():
    found = status_of(ledger(), None, 0.0, lag_records=None, now_ms=9_000)

    assert (found.rows_per_second, found.eta_seconds) == (None, None)


def test_nothing_pending_is_no_lag_and_nothing_left():
    found = status_of(ledger(applied=100), ledger(applied=100), 2.0, lag_records=0, now_ms=9_000)

    assert (found.lag_seconds, found.eta_seconds) == (0, 0)


def test_a_stream_that_does_not_move_has_no_end_in_sight():
    assert status_of(ledger(), ledger(), 2.0, lag_records=None, now_ms=9_000).eta_seconds is None


def test_rows_taken_back_by_a_redrive_make_no_negative_rate():
    found = status_of(ledger(applied=50), ledger(applied=60), 2.0, lag_records=None, now_ms=9_000)

    assert found.rows_per_second == 0


@pytest.mark.parametrize(
    ("seconds", "told"), [(None, "-"), (0.04, "0.0 s"), (9.94, "9.9 s"), (200, "3 m 20 s"), (7500, "2 h 5 m")]
)
def test_durations_are_told_as_people_say_them(seconds, told):
    assert lasting(seconds) == told


GOOD = ServerFacts("9.7.4", "MySQL", "uuid", False, 1, 1, True, 64 << 20, 151)


def judged(**changes) -> dict[str, Verdict]:
    facts = ServerFacts(**{name: changes.get(name, getattr(GOOD, name)) for name in GOOD.__slots__})
    return {found.check: found.verdict for found in server_findings(facts)}


def test_a_server_as_it_should_be_passes_everything():
    assert set(judged().values()) == {Verdict.PASS}


@pytest.mark.parametrize(
    ("changes", "check", "verdict"),
    [
        ({"read_only": True}, "writable", Verdict.FAIL),
        ({"flush_log_at_commit": 0}, "durable", Verdict.FAIL),
        ({"sync_binlog": 0}, "durable", Verdict.FAIL),
        ({"flush_log_at_commit": 2}, "durable", Verdict.WARN),
        ({"local_infile": False}, "local_infile", Verdict.FAIL),
        ({"max_allowed_packet": 1 << 20}, "max_allowed_packet", Verdict.WARN),
        ({"max_connections": 10}, "max_connections", Verdict.WARN),
    ],
)
def test_each_setting_that_endangers_the_promise_is_found(changes, check, verdict):
    assert judged(**changes)[check] is verdict


@pytest.mark.parametrize(
    ("host", "mode", "cipher", "verdict"),
    [
        ("db.example", "VERIFY_IDENTITY", "TLS_AES", Verdict.PASS),
        ("db.example", "VERIFY_CA", "TLS_AES", Verdict.PASS),
        ("db.example", "REQUIRED", "TLS_AES", Verdict.WARN),
        ("db.example", "PREFERRED", "", Verdict.WARN),
        ("127.0.0.1", "PREFERRED", "", Verdict.PASS),
    ],
)
def test_a_way_that_others_can_listen_on_or_stand_in_is_told(host, mode, cipher, verdict):
    assert transport_finding(Transport(host, mode, cipher)).verdict is verdict


def test_an_older_or_missing_control_schema_names_the_command():
    assert "migration schema upgrade" in schema_finding(None, "0001").remedy
    assert schema_finding("0001", "0001").verdict is Verdict.PASS


QUEUE = QueueAttributes(True, False, "messageGroup", "perMessageGroupId", timedelta(seconds=30), None, None, 0, 0)


@pytest.mark.parametrize(
    ("changes", "check", "verdict"),
    [
        ({}, "FIFO", Verdict.PASS),
        ({"fifo": False}, "FIFO", Verdict.FAIL),
        ({"content_based_deduplication": True}, "deduplication", Verdict.FAIL),
        ({"deduplication_scope": "queue"}, "throughput", Verdict.WARN),
        ({"visibility": timedelta(hours=1)}, "visibility", Verdict.WARN),
        ({"visibility": timedelta(seconds=2)}, "visibility", Verdict.WARN),
    ],
)
def test_each_attribute_that_endangers_doorbells_is_found(changes, check, verdict):
    attributes = QueueAttributes(**{name: changes.get(name, getattr(QUEUE, name)) for name in QUEUE.__slots__})

    assert {found.check: found.verdict for found in attribute_findings(attributes)}[check] is verdict


WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.mark.parametrize(
    ("kept", "partial", "verdicts"),
    [
        (Retention(compacted=False, kept=WEEK, tombstones_kept=DAY), True, [Verdict.PASS]),
        (Retention(compacted=False, kept=None, tombstones_kept=DAY), True, [Verdict.PASS]),
        (Retention(compacted=True, kept=None, tombstones_kept=DAY), False, [Verdict.PASS]),
        (Retention(compacted=True, kept=None, tombstones_kept=DAY), True, [Verdict.PASS, Verdict.FAIL]),
        (Retention(compacted=False, kept=DAY, tombstones_kept=DAY), False, [Verdict.PASS, Verdict.WARN]),
    ],
)
def test_a_topic_that_forgets_too_soon_is_found(kept, partial, verdicts):
    found = one_topic("legacy.users", TopicDescription("legacy.users", "id", (0, 1)), kept, partial=partial)

    assert [one.verdict for one in found] == verdicts


def test_a_topic_that_does_not_exist_is_found():
    [found] = one_topic("legacy.user", None, None, partial=False)

    assert (found.verdict, found.found) == (Verdict.FAIL, "legacy.user does not")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([Verdict.PASS, Verdict.WARN], 0),
        ([Verdict.PASS, Verdict.AWAY], 75),
        ([Verdict.AWAY, Verdict.FAIL], 1),
        ([], 0),
    ],
)
def test_a_script_can_tell_wrong_from_away(given, code):
    assert exit_code([Finding("part", "check", verdict, "") for verdict in given]) == code
