"""What each answer of a server means for the length of a migration."""

from datetime import UTC, datetime, timedelta

import pytest

from db.server_facts import ApplicationSettings
from db.source_report import SourceStatus
from kafka_log.watermarks import Retention, TopicDescription
from migration_core.finding import Finding, Verdict, gate_of
from migration_core.gate import Gate, GateVerdict
from migration_core.grants import missing_rights, rights_on
from migration_core.service_rights import Service, Tables, needs
from migration_verifier.checks.grants import judged_grants
from migration_verifier.checks.plan import TopicFacts, judged_queue, judged_topic
from migration_verifier.checks.space import Space, judged_space
from migration_verifier.checks.variables import judged_settings
from migration_verifier.preflight import preflight_gates
from work_queue.attributes import QueueAttributes

DAY = timedelta(days=1)
GIB = 1 << 30


# grants


@pytest.mark.parametrize(
    ("grant", "schema", "rights"),
    [
        ("GRANT SELECT, INSERT ON `shop`.* TO `u`@`%`", "shop", {"SELECT", "INSERT"}),
        ("GRANT SELECT ON `shop`.* TO `u`@`%`", "shop2", set()),
        ("GRANT SELECT ON *.* TO `u`@`%` WITH GRANT OPTION", "shop", {"SELECT"}),
        (r"GRANT SELECT ON `shop\_%`.* TO `u`@`%`", "shop_eu", {"SELECT"}),
        (r"GRANT SELECT ON `shop\_%`.* TO `u`@`%`", "shopping", set()),
        ("GRANT SELECT ON `shop_`.* TO `u`@`%`", "shop1", {"SELECT"}),
        ("GRANT SELECT ON `a``b.c`.* TO `u`@`%`", "a`b.c", {"SELECT"}),
        ("GRANT SELECT ON `shop`.`users` TO `u`@`%`", "shop", set()),
        ("GRANT `role`@`%` TO `u`@`%`", "shop", set()),
    ],
)
def test_rights_are_read_as_the_server_matches_them(grant, schema, rights):
    assert rights_on(schema, [grant]) == rights


def test_a_partial_revoke_takes_from_a_global_grant():
    grants = ["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE INSERT ON `shop`.* FROM `u`@`%`"]

    assert rights_on("shop", grants) == {"SELECT"}


def test_all_privileges_miss_nothing():
    assert missing_rights("shop", ["SELECT", "DROP"], ["GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`"]) == ()


def test_missing_rights_fail_where_the_programs_need_them_and_warn_where_only_commands_do():
    rows = "SELECT, INSERT, UPDATE, DELETE"
    grants = [f"GRANT {rows}, CREATE, ALTER, DROP, INDEX ON `c`.* TO `u`@`%`", f"GRANT {rows} ON `t`.* TO `u`@`%`"]

    needed = needs(Service.SCHEMA, Tables((), ()))
    found = {one.check: one for one in judged_grants(grants, "c", "t", needed)}

    assert {name: one.verdict for name, one in found.items()} == {
        "c": Verdict.FAIL,
        "t": Verdict.PASS,
        "tables of t": Verdict.WARN,
        "scratch schemas": Verdict.WARN,
    }
    assert found["c"].remedy == "GRANT REFERENCES ON `c`.* TO this user"


# topics

KEPT = Retention(compacted=False, kept=7 * DAY, tombstones_kept=DAY)
TOPIC = TopicDescription("users", "id", (0, 1))
READER = frozenset({"READ", "DESCRIBE"})


def status(partition: int, topic_id: str = "id") -> SourceStatus:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return SourceStatus("s", "users", partition, topic_id, 0, 0, 0, None, 0, moment, None, None, None)


REGISTERED = (status(0), status(1))


def of_topic(retention=KEPT, rights=READER, registered=REGISTERED, days=3.0) -> dict[str, Verdict]:
    facts = TopicFacts(TOPIC, retention, rights, tuple(registered))
    return {one.check: one.verdict for one in judged_topic(facts, timedelta(days=days))}


def test_a_topic_that_outlasts_the_plan_twice_passes_everything():
    assert set(of_topic().values()) == {Verdict.PASS}
    assert of_topic(registered=())["partitions"] is Verdict.PASS


@pytest.mark.parametrize(
    ("days", "verdict"), [(3.5, Verdict.PASS), (3.6, Verdict.WARN), (7.0, Verdict.WARN), (7.1, Verdict.FAIL)]
)
def test_retention_is_measured_against_the_plan(days, verdict):
    assert of_topic(days=days)["retention for the plan"] is verdict


def test_a_topic_that_keeps_records_for_ever_is_long_enough_for_any_plan():
    assert of_topic(Retention(False, None, DAY), days=999)["retention for the plan"] is Verdict.PASS


@pytest.mark.parametrize(
    ("given", "check", "verdict"),
    [
        ({"retention": Retention(False, 7 * DAY, DAY, bytes_kept=1 << 30)}, "retention.bytes", Verdict.WARN),
        ({"retention": Retention(True, None, DAY)}, "delete.retention.ms", Verdict.WARN),
        ({"registered": [status(0)]}, "partitions", Verdict.FAIL),
        ({"registered": [status(0, "old"), status(1, "old")]}, "partitions", Verdict.FAIL),
        ({"rights": None}, "rights", Verdict.WARN),
        ({"rights": frozenset({"DESCRIBE"})}, "rights", Verdict.FAIL),
    ],
)
def test_each_way_in_which_a_topic_may_not_hold_out_is_found(given, check, verdict):
    assert of_topic(**given)[check] is verdict


# queue

QUEUE = QueueAttributes(True, False, "messageGroup", "perMessageGroupId", timedelta(seconds=30), 4 * DAY, None, 0, 0)


def of_queue(redrive, dead=None, **changes) -> list[tuple[str, Verdict]]:
    found = QueueAttributes(**{name: changes.get(name, getattr(QUEUE, name)) for name in QUEUE.__slots__})
    return [(one.check, one.verdict) for one in judged_queue(found, dead, redrive)]


@pytest.mark.parametrize(
    ("redrive", "verdict"),
    [
        ({}, Verdict.WARN),
        ({"maxReceiveCount": 3}, Verdict.WARN),
        ({"maxReceiveCount": "1000"}, Verdict.PASS),
    ],
)
def test_dead_letters_are_an_alarm_that_busy_lanes_must_not_raise(redrive, verdict):
    assert of_queue(redrive) == [("dead letters", verdict)]


def test_doorbells_that_lie_dead_and_a_short_memory_are_told():
    assert of_queue({"maxReceiveCount": 1000}, dead=QueueAttributes(True, False, None, None, DAY, DAY, None, 4, 0))[
        -1
    ] == ("dead letters", Verdict.WARN)
    assert of_queue({"maxReceiveCount": 1000}, retention=timedelta(minutes=1))[0] == ("retention", Verdict.WARN)


# variables

GOOD = ApplicationSettings(True, "ROW", "FULL", 50, True, "/data/")


@pytest.mark.parametrize(
    ("changes", "check", "verdict"),
    [
        ({}, "binary log", Verdict.PASS),
        ({"log_bin": False}, "binary log", Verdict.WARN),
        ({"binlog_format": "STATEMENT"}, "binary log", Verdict.FAIL),
        ({"binlog_row_image": "MINIMAL"}, "binary log", Verdict.WARN),
        ({}, "lock timeouts", Verdict.PASS),
        ({"innodb_lock_wait": 1}, "lock timeouts", Verdict.WARN),
        ({"deadlock_detect": False}, "deadlock detection", Verdict.WARN),
    ],
)
def test_each_setting_that_endangers_the_night_is_found(changes, check, verdict):
    settings = ApplicationSettings(**{name: changes.get(name, getattr(GOOD, name)) for name in GOOD.__slots__})

    assert {one.check: one.verdict for one in judged_settings(settings)}[check] is verdict


# space


@pytest.mark.parametrize(
    ("space", "verdicts"),
    [
        (Space(GIB, False, 4 * GIB, GIB), {"snapshot": Verdict.PASS, "MySQL": Verdict.PASS}),
        (Space(GIB, True, 4 * GIB, GIB), {"snapshot": Verdict.PASS, "MySQL": Verdict.FAIL}),
        (Space(GIB, True, None, GIB), {"snapshot": Verdict.PASS, "MySQL": Verdict.WARN}),
        (Space(None, True, None, GIB), {"snapshot": Verdict.WARN}),
    ],
)
def test_space_is_judged_with_the_binary_log_and_never_guessed(space, verdicts):
    assert {one.check: one.verdict for one in judged_space(space)} == verdicts


# gates


def test_a_part_that_is_away_keeps_the_gate_shut():
    assert gate_of(Finding("queue", "reachable", Verdict.AWAY, "gone", "wait")) == Gate(
        "queue: reachable", GateVerdict.FAIL, "gone", "wait"
    )


def test_the_gates_name_what_is_not_well_and_else_say_so_once():
    well, warned = Finding("a", "b", Verdict.PASS, "yes"), Finding("c", "d", Verdict.WARN, "hm", "look")

    assert preflight_gates([well, well]) == (Gate("preflight", GateVerdict.PASS, "2 checks"),)
    assert preflight_gates([well, warned]) == (Gate("c: d", GateVerdict.WARN, "hm", "look"),)
