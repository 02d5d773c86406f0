"""Each clause of the oracle sees what it is there for: a violation is planted in a run that holds, and it is named."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from db.engine import LANE_SECONDS
from examples.health_devices.scenario import scenario
from tests.chaos.oracle import CLAUSES, Run, deviations
from tests.integration.migrating import migrating

pytestmark = pytest.mark.servers

USERS = 30
_OF_KAFKA = "value IS NOT NULL AND lane > 0 AND source_id IN (SELECT source_id FROM source_offset)"
_FIRST = f"WHERE {_OF_KAFKA} ORDER BY lane, sequence LIMIT 1"
# the scenario plants bad records, too, and any record may be the first of its lane
_REJECTED = "SELECT r.lane, r.sequence FROM reject r JOIN stream s USING (stream_id) WHERE s.name = 'users'"
_FIRST_GOOD = f"WHERE {_OF_KAFKA} AND (lane, sequence) NOT IN ({_REJECTED}) ORDER BY lane, sequence LIMIT 1"
_OWN = "REPEAT('9', 64)"
"""The hash of a pattern that no record has."""


@dataclass(frozen=True)
class Planted:
    """A violation, and how it is mended for the next test; TARGET is the processed schema."""

    clause: str
    named: str
    statements: tuple[str, ...]
    mended: tuple[str, ...]


def kept(table: str, rows: str, *then: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Some rows set aside, what is done then, and how they come back."""
    return (
        (f"CREATE TABLE kept SELECT * FROM {table} {rows}", *then),
        (f"REPLACE INTO {table} SELECT * FROM kept", "DROP TABLE kept"),
    )


def rejected(code: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The first good record of a stream is among the rejects, too."""
    pattern = (
        "INSERT INTO reject_pattern (stream_id, hash, stage, code, field_path, shape) "
        f"SELECT stream_id, {_OWN}, 'write', '{code}', '', '' FROM stream WHERE name = 'users'"
    )
    reject = (
        "INSERT INTO reject (stream_id, lane, sequence, pattern_id, source_id, source_offset, value_sha256, detail, "
        "version) SELECT p.stream_id, r.lane, r.sequence, p.pattern_id, r.source_id, r.source_offset, "
        f"REPEAT('0', 64), '', '' FROM (SELECT * FROM raw_users {_FIRST_GOOD}) r "
        f"JOIN reject_pattern p ON p.hash = {_OWN}"
    )
    mended = (
        f"DELETE r FROM reject r JOIN reject_pattern p USING (pattern_id) WHERE p.hash = {_OWN}",
        f"DELETE FROM reject_pattern WHERE hash = {_OWN}",
    )
    return (pattern, reject), mended


_SEQUENCE = "TARGET.measurements SET source_sequence = source_sequence"
PLANTED = {
    "a record is lost": Planted("raw", "is not in raw", *kept("raw_users", _FIRST, "DELETE FROM raw_users " + _FIRST)),
    "a record is stored that nobody reads": Planted(
        "raw",
        "no consumer reads it",
        (f"UPDATE raw_users SET source_offset = source_offset + 1000000 {_FIRST}",),
        ("UPDATE raw_users SET source_offset = source_offset - 1000000 WHERE source_offset >= 1000000",),
    ),
    "a record is stored twice": Planted(
        "raw",
        "more than once",
        (
            f"CREATE TABLE kept SELECT * FROM raw_users {_FIRST}",
            "UPDATE kept SET sequence = sequence + 1000000",
            "INSERT INTO raw_users SELECT * FROM kept",
        ),
        ("DELETE r FROM raw_users r JOIN kept USING (lane, sequence)", "DROP TABLE kept"),
    ),
    **{
        f"the {column} is another": Planted(
            "raw", "byte for byte", *kept("raw_users", _FIRST, f"UPDATE raw_users SET {column} = {value} {_FIRST}")
        )
        for column, value in {
            "value": "CONCAT(value, ' ')",
            "record_key": "'other'",
            "headers": "'other'",
            "time": "time + 1",
        }.items()
    },
    "a raw row is gone that was counted": Planted(
        "ledger", "rows_beside_heads=-1", *kept("raw_users", _FIRST, "DELETE FROM raw_users " + _FIRST)
    ),
    "a count is wrong": Planted(
        "ledger",
        "done_beside_counts=-1",
        ("UPDATE lane_progress SET n_applied = n_applied + 1 ORDER BY stream_id, lane LIMIT 1",),
        ("UPDATE lane_progress SET n_applied = n_applied - 1 ORDER BY stream_id, lane LIMIT 1",),
    ),
    "a value is wrong": Planted(
        "tables",
        "measurements",
        *kept(
            "TARGET.measurements",
            "ORDER BY id LIMIT 1",
            "UPDATE TARGET.measurements SET value = COALESCE(value, 0) + 1 ORDER BY id LIMIT 1",
        ),
    ),
    "a row is missing": Planted(
        "tables",
        "user_consents",
        *kept(
            "TARGET.user_consents",
            "ORDER BY user_id, purpose LIMIT 1",
            "DELETE FROM TARGET.user_consents ORDER BY user_id, purpose LIMIT 1",
        ),
    ),
    "a good record is rejected": Planted("tables", "rejected, but not planted", *rejected("TYPE_MISMATCH")),
    "a bad record is not rejected": Planted(
        "tables",
        "not rejected",
        *kept(
            "reject",
            "ORDER BY stream_id, lane, sequence LIMIT 1",
            "DELETE r FROM reject r JOIN kept USING (stream_id, lane, sequence)",
        ),
    ),
    "a record is rejected for a deadlock": Planted("infrastructure", "MYSQL_1213", *rejected("MYSQL_1213")),
    "a record is rejected because workers were killed": Planted(
        "infrastructure", "POISON_CRASH", *rejected("POISON_CRASH")
    ),
    "an entity goes back, and forward again": Planted(
        "history",
        "went back",
        (f"UPDATE {_SEQUENCE} - 1 ORDER BY id LIMIT 1",),
        (f"UPDATE {_SEQUENCE} + 1 ORDER BY id LIMIT 1",),
    ),
    "an effect comes twice": Planted(
        "history",
        "was written twice",
        *kept(
            "TARGET.devices",
            "ORDER BY id LIMIT 1",
            "UPDATE TARGET.devices SET cycles = COALESCE(cycles, 0) + 1 ORDER BY id LIMIT 1",
        ),
    ),
    "an effect has no cause": Planted(
        "history",
        "which is no applied row",
        (f"UPDATE {_SEQUENCE} + 1000000 ORDER BY id DESC LIMIT 1",),
        (f"UPDATE {_SEQUENCE} - 1000000 ORDER BY id DESC LIMIT 1",),
    ),
    "a write is not in the log": Planted(
        "history",
        "its history ends with",
        ("SET sql_log_bin = 0", f"UPDATE {_SEQUENCE} + 1 ORDER BY id LIMIT 2"),
        ("SET sql_log_bin = 0", f"UPDATE {_SEQUENCE} - 1 ORDER BY id LIMIT 2"),
    ),
    "more records had an effect than count as applied": Planted(
        "history",
        "count as applied",
        *kept("lane_progress", "", "UPDATE lane_progress SET n_superseded = n_superseded + n_applied, n_applied = 0"),
    ),
    "a lane is halted": Planted(
        "hygiene",
        "halted planted",
        ("UPDATE lane_progress SET halted = 'planted' ORDER BY stream_id, lane LIMIT 1",),
        ("UPDATE lane_progress SET halted = NULL",),
    ),
    "a lane has work": Planted(
        "hygiene",
        "lane",
        *kept("lane_progress", "", "UPDATE lane_progress SET applied = applied - 1 WHERE n_applied > 0"),
    ),
}


@pytest.fixture(scope="module")
def run(servers, module_credentials, tmp_path_factory):
    with migrating(servers, scenario(USERS), tmp_path_factory.mktemp("oracle")) as world:
        world.publish_initial()
        world.take_snapshot()
        world.begin_writing(0)
        world.start_services()
        found = world.finish()
        assert deviations(found) == []
        yield replace(found, visibility=-timedelta(seconds=LANE_SECONDS))  # nothing is given time to go away


def do(run: Run, statements: tuple[str, ...]) -> None:
    with run.database.transaction() as session:
        for statement in ("SET foreign_key_checks = 0", "COMMIT", *statements, "COMMIT", "SET sql_log_bin = 1"):
            session.execute(statement.replace("TARGET", run.scenario.target_schema))


@pytest.mark.parametrize("name", PLANTED)
def test_a_violation_is_named(run, name):
    planted = PLANTED[name]
    try:
        do(run, planted.statements)
        found = list(CLAUSES[planted.clause](run))
    finally:
        do(run, planted.mended)

    assert [one for one in found if planted.named in one], found


@contextmanager
def beside(run: Run, *statements: str):
    """A session of somebody else that has done this and does not end."""
    with run.database.transaction() as session:
        for statement in statements:
            session.rows(statement)
        yield


def test_a_lane_that_is_locked_is_named(run):
    with beside(run, "SELECT * FROM lane_progress LIMIT 1 FOR UPDATE"):
        assert any("still hold rows" in one for one in CLAUSES["hygiene"](run))


def test_a_transaction_that_is_open_is_named(run):
    with beside(run, "SELECT * FROM lane_progress LIMIT 1"):
        assert any("has an open transaction" in one for one in CLAUSES["hygiene"](run))


def test_a_message_that_stays_in_flight_is_named(run):
    run.queue.send_message(
        QueueUrl=run.queue_url, MessageBody="-", MessageGroupId="planted", MessageDeduplicationId="planted"
    )
    (taken,) = run.queue.receive_message(QueueUrl=run.queue_url)["Messages"]

    assert any("in flight" in one for one in CLAUSES["hygiene"](run))
    run.queue.delete_message(QueueUrl=run.queue_url, ReceiptHandle=taken["ReceiptHandle"])
