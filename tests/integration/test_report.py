"""The report of a real database, by the command that makes it."""

import json
from threading import Event

import pytest

from db.measurements import measure, moments, rates
from migration_core.sequence import last_of
from migration_verifier.audit import Auditor, prove
from tests.integration.applying import doc
from tests.integration.cutting_over import at_rest
from tests.integration.test_cli import Cli

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory):
    with at_rest(servers, tmp_path_factory.mktemp("night")) as found:
        found.applying.put("people", [("x", doc(id="x", name=None)), ("y", doc(id="y", name="secret " * 9))])
        found.applying.drain()
        yield found


@pytest.fixture
def night(world):
    world.reset()
    return world


@pytest.fixture
def cli(night, monkeypatch, capsys):
    found = Cli(night.applying.url, monkeypatch, capsys)
    found.env |= night.applying.environment
    return found


def section(folder, key):
    told = json.loads((folder / "report.json").read_text())
    return next(one for one in told["sections"] if one["key"] == key)


def test_what_was_not_done_is_said_plainly_and_counts_as_not_signed_off(night, cli, tmp_path):
    prove(Auditor(night.applying.database), Event(), lambda _behind: None)

    code, out, _ = cli.run("report", "--out", str(tmp_path))

    assert code == 1
    assert out.startswith("not ready to be signed: Equality of the copy; Schema and query plans; Cut-over\n")
    assert section(tmp_path, "verification")["sentence"].startswith("Not done: nothing has been verified")
    # This world has no migrations and no statements of its own: a gate that cannot be asked is no pass.
    assert [row[1:3] for row in section(tmp_path, "drift_and_plans")["rows"]] == [["fail", "not asked"]] * 2
    assert section(tmp_path, "ledger")["rows"] == [
        ["logins", 0, 0, 0, 0, 0, 0, 0, 0],
        ["people", 3, 1, 0, 0, 0, 2, 0, 3],
        ["trips", 0, 0, 0, 0, 0, 0, 0, 0],
        ["all", 3, 1, 0, 0, 0, 2, 0, 3],
    ]


def test_records_that_nobody_has_proven_stand_against_a_signature(night, cli, tmp_path):
    night.applying.rows("UPDATE lane_audit SET looked_at = NULL")
    cli.run("report", "--out", str(tmp_path))

    told = section(tmp_path, "ledger")
    assert told["standing"] == "failed"
    assert "not proven up to their watermarks" in told["sentence"]


def test_failures_stand_by_pattern_with_masked_samples_and_no_value_of_a_record(night, cli, tmp_path):
    cli.run("report", "--out", str(tmp_path))

    codes = [row[3] for row in section(tmp_path, "failures")["rows"]]
    assert sorted(codes) == ["FIELD_NULL", "STR_TOO_LONG"]
    assert [row[5] for row in section(tmp_path, "samples")["rows"] if row[3] == "STR_TOO_LONG"] == [
        '"' + "aaaaaa " * 9 + '"'
    ]
    for file in tmp_path.iterdir():
        assert "secret" not in file.read_text()


def test_the_steps_of_the_cutover_and_its_gates_are_evidence(night, cli, tmp_path):
    night.begin()
    night.run()

    cli.run("report", "--out", str(tmp_path))

    told = section(tmp_path, "cutover")
    assert told["standing"] == "passed"
    assert "approved by Ada" in told["sentence"]
    assert [row[1] for row in told["rows"]][-2:] == ["watch", "close"]


def test_two_reports_are_compared(night, cli, tmp_path):
    night.applying.rows("UPDATE reject_pattern SET state = 'open'")
    cli.run("report", "--out", str(tmp_path / "before"))
    night.applying.rows("UPDATE reject_pattern SET state = 'accepted'")

    cli.run("report", "--out", str(tmp_path / "now"), "--since", str(tmp_path / "before" / "report.json"))

    found = section(tmp_path / "now", "changes")["rows"]
    assert ["Records not applied, by cause", "", "result", "failed", "noted"] in found
    assert len([row for row in found if row[2:] == ["state", "open", "accepted"]]) == 2


def test_something_else_than_a_report_is_refused_for_comparing(cli, tmp_path):
    (tmp_path / "other.json").write_text("[]")

    code, _, err = cli.run("report", "--out", str(tmp_path), "--since", str(tmp_path / "other.json"))

    assert code == 2
    assert "report.json" in err


def test_measurements_are_kept_once_a_half_minute_whoever_takes_them(night):
    night.applying.rows("DELETE FROM measurement")

    for _ in range(3):
        measure(night.applying.database, now_ms=1_800_000_000_000, unread={"people": 7})

    kept = night.applying.rows(
        "SELECT measured_at, received, done, rejected, unread FROM measurement JOIN stream USING (stream_id) "
        "WHERE name = 'people'"
    )
    assert len({at for at, *_ in kept}) == len(kept)
    assert {tuple(row) for _, *row in kept} == {(3, 3, 2, 7)}


def test_rows_of_a_snapshot_that_is_still_loading_have_no_lag(night):
    night.applying.rows("DELETE FROM measurement")
    night.applying.rows("UPDATE lane_progress SET open_to = 0")
    try:
        measure(night.applying.database, now_ms=1_800_000_000_000)
    finally:
        night.applying.rows("UPDATE lane_progress SET open_to = %s", last_of(2))

    assert {lag for (lag,) in night.applying.rows("SELECT lag_ms FROM measurement")} == {None}


def test_a_long_history_is_read_as_so_many_moments_with_its_longest_lag(night):
    night.applying.rows("DELETE FROM measurement")
    night.applying.rows(
        "INSERT INTO measurement (stream_id, measured_at, done, pending, lag_ms) WITH RECURSIVE n (i) AS "
        "(SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT s.stream_id, "
        "'2026-01-01' + INTERVAL 30 * n.i SECOND, n.i, 5, IF(n.i = 500, 77, 1) FROM n JOIN stream s"
    )

    found = moments(night.applying.database, most=100)

    assert 90 <= len(found) <= 101
    assert [one.done for one in found] == sorted(one.done for one in found)
    assert found[-1].done == 3 * 999
    assert [one.lag_ms for one in found].count(77) == 1
    assert all(9 < rate < 11 for rate in (one * 100 for one in rates(found)))


def test_the_timeline_tells_milestones_in_order(night, cli, tmp_path):
    night.begin()
    night.run()

    cli.run("report", "--out", str(tmp_path))

    told = section(tmp_path, "timeline")["rows"]
    assert [row[1] for row in told][-3:] == ["cut-over begun", "approved by Ada", "cut-over ended"]
    assert told == sorted(told, key=lambda row: row[0])
