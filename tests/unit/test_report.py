"""What the report concludes, compares, draws and writes, without any server."""

import csv
import io
from datetime import datetime, timedelta
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from db.cutover_store import Cutover
from db.measurements import Moment
from migration_core.cutover import CutoverPlan, CutoverStep
from migration_core.gate import Gate, GateVerdict
from migration_core.proof import StreamProof, ledger_gate
from migration_core.report import (
    AssertionOutcome,
    Equality,
    Report,
    Section,
    Series,
    SnapshotComparison,
    Standing,
    TableResult,
    as_plain,
    changes,
    gate_section,
)
from migration_verifier.report.charts import HEIGHT, LEFT, WIDTH, chart, thinned
from migration_verifier.report.sections import (
    assertions_section,
    cutover_section,
    failures_section,
    gates_section,
    ledger_section,
    verification_section,
)
from migration_verifier.report.series import series
from migration_verifier.report.writing import page, table, write

AT = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the driver gives it


def proof(**counts):
    at_rest = {
        "stream": "users", "received": 10, "applied": 7, "superseded": 1, "filtered": 1, "parked": 0, "rejected": 1,
        "pending": 0, "unaudited": 0, "unproven_lanes": 0, "remainders": 0, "purged": 0,
    }  # fmt: skip
    return StreamProof(**(at_rest | counts))


def ledger_told(*streams):
    return ledger_section(streams, ledger_gate(streams, []))


def pattern(**changed):
    at_rest = {
        "pattern": "ab" * 32, "stream": "users", "stage": "transform", "code": "FIELD_NULL", "field_path": "$.name",
        "shape": "null", "state": "open", "rejects": 3, "first_seen": AT, "last_seen": AT,
    }  # fmt: skip
    return SimpleNamespace(**(at_rest | changed))


def cutover(step, **changed):
    at_rest = {
        "cutover_id": 1, "rehearsal": False, "step": step, "number": 3, "epoch": 1, "reason": "",
        "plan": CutoverPlan(1, 1.0, 1.0, 1.0), "ends": None, "version": "1", "approved_by": None, "approved_at": None,
        "abort_by": None, "abort_reason": "", "carried_back": False, "started_at": AT, "finished_at": AT,
        "seconds_in_step": 0.0,
    }  # fmt: skip
    return Cutover(**(at_rest | changed))


def report(*sections, lines=()):
    return Report("2026-01-02 03:04:05 UTC", "1.0", sections, tuple(lines))


SETTLED = Section("ledger", "Records accounted for", Standing.GOOD, "All.", ("data type", "received"), (("users", 10),))


class TestTheVerdict:
    @pytest.mark.parametrize(
        ("section", "standing"),
        [
            (ledger_told(proof()), Standing.GOOD),
            (ledger_told(), Standing.OPEN),
            (ledger_told(proof(applied=6, pending=1)), Standing.BAD),
            (ledger_told(proof(applied=6, parked=1)), Standing.BAD),
            (ledger_told(proof(remainders=1)), Standing.BAD),
            (ledger_told(proof(unaudited=3, unproven_lanes=1)), Standing.BAD),
            (verification_section(None), Standing.OPEN),
            (verification_section(Equality((TableResult("users", 7, 2, 0, "now"),))), Standing.GOOD),
            (verification_section(Equality((TableResult("users", 7, 0, 1, "now"),))), Standing.BAD),
            (verification_section(Equality((TableResult("users", 0, 0, 0, ""),))), Standing.OPEN),
            (assertions_section(None), Standing.FACT),
            (assertions_section(Equality((), (AssertionOutcome("users", "a country", 9, 0, "now"),))), Standing.GOOD),
            (assertions_section(Equality((), (AssertionOutcome("users", "a country", 9, 1, "now"),))), Standing.BAD),
            (assertions_section(Equality((), (), SnapshotComparison("export", 9, 0, "now"))), Standing.GOOD),
            (assertions_section(Equality((), (), SnapshotComparison("export", 9, 2, "now"))), Standing.BAD),
            (failures_section([]), Standing.GOOD),
            (failures_section([pattern()]), Standing.BAD),
            (failures_section([pattern(state="accepted")]), Standing.NOTED),
            (failures_section([pattern(rejects=0)]), Standing.GOOD),
            (gates_section([], None), Standing.OPEN),
            (gates_section([], (AT, [Gate("drift", GateVerdict.PASS, "as declared")])), Standing.GOOD),
            (gates_section([Gate("drift", GateVerdict.FAIL, "an index")], None), Standing.BAD),
            (cutover_section(None, []), Standing.OPEN),
            (cutover_section(cutover(CutoverStep.REHEARSED), []), Standing.OPEN),
            (cutover_section(cutover(CutoverStep.SYNCING, reason="lag"), []), Standing.OPEN),
            (cutover_section(cutover(CutoverStep.WATCH), []), Standing.NOTED),
            (cutover_section(cutover(CutoverStep.DONE), []), Standing.GOOD),
        ],
    )
    def test_each_point_is_judged_by_what_the_database_says(self, section, standing):
        assert section.standing is standing

    def test_what_failed_or_was_not_done_stands_against_a_signature_and_nothing_else_does(self):
        others = [Section(one, one, one, "") for one in (Standing.GOOD, Standing.NOTED, Standing.FACT)]

        assert report(*others).ready
        for shut in (Standing.BAD, Standing.OPEN):
            assert not report(*others, Section("x", "x", shut, "")).ready

    def test_a_gate_with_a_note_is_told_and_passes(self):
        found = gate_section("g", "G", [Gate("a", GateVerdict.WARN, "late")], when="", not_done="no")

        assert (found.standing, found.sentence) == (Standing.NOTED, "1 check passed, 1 of them with a note.")


class TestComparing:
    def test_the_same_report_has_no_difference(self):
        assert changes(as_plain(report(SETTLED)), [SETTLED]).rows == ()

    def test_results_cells_and_rows_that_changed_are_named(self):
        now = Section(
            "ledger", "Records accounted for", Standing.BAD, "x", ("data type", "received"), (("users", 12), ("new", 1))
        )

        assert changes(as_plain(report(SETTLED)), [now]).rows == (
            ("Records accounted for", "", "result", "passed", "failed"),
            ("Records accounted for", "users", "received", 10, 12),
            ("Records accounted for", "new", "row", None, "there"),
        )


class TestThePage:
    def test_nothing_from_the_data_becomes_markup_and_nothing_is_loaded_from_elsewhere(self):
        evil = '<script src="https://evil.example/x.js"></script>'
        text = page(report(Section("s", evil, Standing.FACT, evil, (evil,), ((evil,),))))

        seen = Seen()
        seen.feed(text)
        assert "script" not in seen.tags
        assert seen.addresses == []
        assert "&lt;script" in text

    def test_the_verdict_stands_first_and_names_what_is_open(self):
        text = page(report(SETTLED, verification_section(None)))

        assert text.index("Not ready to be signed") < text.index("Equality of the copy") < text.index("At a glance")
        assert "1 point stands open" in text

    def test_without_measurements_it_says_so_and_with_them_it_draws(self):
        points = tuple((float(second), float(second)) for second in range(0, 300, 30))

        assert "No measurements were taken" in page(report(SETTLED))
        assert "<polyline" in page(report(SETTLED, lines=[Series("rate", "Rate", "a second", points)]))


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


class TestTheFiles:
    def test_page_json_and_one_csv_a_table_are_written_whole(self, tmp_path):
        files = write(report(SETTLED), tmp_path)

        assert sorted(file.name for file in files) == ["ledger.csv", "report.html", "report.json"]
        assert (tmp_path / "ledger.csv").read_text() == "data type,received\nusers,10\n"
        assert {file.name for file in tmp_path.iterdir()} == {file.name for file in files}

    def test_a_spreadsheet_runs_nothing_of_what_a_record_held(self):
        text = table(("a",), [("=cmd()",), ("-1",), ('x"y',)])

        assert list(csv.reader(io.StringIO(text))) == [["a"], ["'=cmd()"], ["'-1"], ['x"y']]


class TestCharts:
    def test_a_line_lies_within_its_frame_and_its_peak_is_not_thinned_away(self):
        points = [(float(second), 1.0) for second in range(5_000)]
        points[2_500] = (2_500.0, 90.0)

        drawn = chart(Series("rate", "Rate", "a second", tuple(points)))

        places = [tuple(map(float, one.split(","))) for one in drawn.line.split()]
        assert len(places) <= 320
        assert all(LEFT <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
        assert (2_500.0, 90.0) in thinned(points, 320)
        assert drawn.most == "90"

    def test_one_point_or_none_is_no_line(self):
        assert chart(Series("rate", "Rate", "a second", ())) is None
        assert chart(Series("rate", "Rate", "a second", ((1.0, 1.0),))) is None

    def test_a_line_that_is_always_zero_can_be_drawn(self):
        assert chart(Series("lag", "Lag", "seconds", ((1.0, 0.0), (2.0, 0.0)))) is not None

    def test_measurements_become_three_lines(self):
        found = [Moment(AT, 0, 1, 9, 2_000), Moment(AT + timedelta(seconds=30), 90, 2, 0, None)]

        rate, lag, rejects = series(found)

        assert [value for _, value in rate.points] == [3.0]
        assert [value for _, value in lag.points] == [2.0]
        assert [value for _, value in rejects.points] == [1.0, 2.0]
