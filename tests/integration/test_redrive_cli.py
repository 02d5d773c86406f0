"""`migration rejects redrive | accept | reopen` as people call them, killed at any step and beside workers."""

import signal
import threading

import pytest

from migration_core.steps import Step
from tests.integration.applying import Applying, doc, person
from tests.integration.command_line import Cli
from tests.integration.emptying import emptied
from tests.integration.test_redrive import bad_person, change, counted_under_patterns, fix, whole

pytestmark = pytest.mark.servers

REDRIVE_STEPS = [step for step in Step if step.startswith("redrive.")]


@pytest.fixture
def world(shared):
    yield emptied(shared)
    shared.stop()
    assert shared.remainders() == []
    assert counted_under_patterns(shared)


@pytest.fixture
def cli(world, monkeypatch, capsys) -> Cli:
    made = Cli(world.url, monkeypatch, capsys)
    made.env |= {"MIGRATION_CONFIG": str(world.mapping_file)}
    return made


def pattern(cli: Cli, code: str = "TYPE_MISMATCH") -> str:
    (found,) = [one["pattern"] for one in cli.json("rejects", "list") if one["code"] == code]
    return found


def pattern_of(world: Applying, code: str = "TYPE_MISMATCH") -> str:
    ((found,),) = world.rows("SELECT hash FROM reject_pattern WHERE code = %s", code)
    return str(found)


class TestRedrive:
    def test_counts_are_told_before_and_after_and_a_dry_run_changes_none(self, world, cli):
        world.put("people", [bad_person("a"), bad_person("b"), person("b", "newer"), person("c")])
        world.drain()
        fix(world)

        dry = cli.json("rejects", "redrive", pattern(cli), "--dry-run")
        real = cli.json("rejects", "redrive", pattern(cli)[:12])

        assert dry["before"] == dry["after"] == real["before"] == {"pattern": 2, "rejected": 2, "parked": 0, "done": 2}
        assert real["after"] == {"pattern": 0, "rejected": 0, "parked": 0, "done": 4}
        assert dry["gains"] == real["gains"]
        assert (real["gains"]["applied"], real["gains"]["superseded"], real["state"]) == (1, 1, "fixed")

    def test_the_same_rules_are_not_tried_twice_unless_forced(self, world, cli):
        world.put("people", [bad_person("a"), bad_person("b")])
        world.drain()
        first = cli.json("rejects", "redrive", pattern(cli), "--by", "kim")

        code, _, err = cli.run("rejects", "redrive", pattern(cli))
        forced = cli.json("rejects", "redrive", pattern(cli), "--force")
        fix(world)
        mended = cli.json("rejects", "redrive", pattern(cli))

        assert (first["gains"]["tried"], first["gains"]["applied"]) == (2, 0)
        assert code == 1
        assert "by kim" in err
        assert "--force" in err
        assert forced["gains"]["tried"] == 2
        assert mended["gains"]["applied"] == 2

    def test_a_mended_column_counts_as_other_rules(self, world, cli):
        world.put("people", [person("a", "x" * 21)])
        world.drain()
        cli.json("rejects", "redrive", pattern_of(world, "STR_TOO_LONG"))
        with world.database.transaction() as session:
            session.execute(f"ALTER TABLE {world.target}.people MODIFY name VARCHAR(21) NOT NULL")
        try:
            mended = cli.json("rejects", "redrive", pattern_of(world, "STR_TOO_LONG"))
        finally:
            with world.database.transaction() as session:
                session.execute(f"DELETE FROM {world.target}.people")
                session.execute(f"ALTER TABLE {world.target}.people MODIFY name VARCHAR(20) NOT NULL")

        assert mended["gains"]["applied"] == 1

    def test_a_limit_says_that_it_stopped_and_the_next_call_goes_on(self, world, cli):
        world.put("people", [bad_person(f"u{n}") for n in range(5)])
        world.drain()
        fix(world)

        first = cli.run("rejects", "redrive", pattern(cli), "--limit", "2")
        second = cli.json("rejects", "redrive", pattern(cli))

        assert first[0] == 0
        assert "goes on from there" in first[1]
        assert second["gains"]["applied"] == 3

    def test_a_pattern_that_was_fixed_opens_again_with_its_next_reject(self, world, cli):
        world.put("people", [bad_person("a")])
        world.drain()
        before = world.mapping_file.read_text()
        fix(world)
        cli.json("rejects", "redrive", pattern(cli))
        world.mapping_file.write_text(before)
        world.put("people", [bad_person("b")])
        world.drain()

        (found,) = cli.json("rejects", "list")

        assert (found["state"], found["rejects"]) == ("open", 1)

    def test_a_mend_that_gives_a_record_another_key_is_refused_with_the_way_on(self, world, cli):
        world.put("people", [(None, doc(id="a", name="n"))])
        world.drain()
        fix(world, {"    record_key: $.id\n": ""})

        code, text, _ = cli.run("rejects", "redrive", pattern(cli, "KEY_NULL"))

        assert code == 0
        assert "1 have another key than they were stored with, and only a reload" in text
        assert [code for _, _, code, _ in world.rejects("people")] == ["KEY_UNREADABLE"]
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(0,)]

    def test_a_record_never_takes_another_entitys_place_by_a_key_that_it_was_not_stored_with(self, world, cli):
        world.put("people", [person("b", "good"), ("a", doc(id="b", name="other"))])
        world.put("trips", [("t", doc(op="change", body={"id": "u", "stage": "x"})), change("t", delay=1)])
        world.drain()
        fix(world, {"    record_key: $.id\n": ""})

        told = [
            cli.json("rejects", "redrive", str(name))["gains"]
            for (name,) in world.rows("SELECT hash FROM reject_pattern WHERE code = 'KEY_MISMATCH'")
        ]

        assert [(one["rekeyed"], one["applied"]) for one in told] == [(1, 0), (1, 0)]
        assert world.rows("SELECT id, name FROM {target}.people") == [("b", "good")]
        assert world.rows("SELECT id FROM {target}.trips") == []
        assert world.rows("SELECT code FROM reject_pattern WHERE rejects > 0") == [("KEY_CHANGED",)] * 2

    def test_rejects_whose_raw_rows_were_purged_are_left_alone(self, world, cli):
        world.put("people", [bad_person("a"), bad_person("b")])
        world.drain()
        fix(world)
        with world.database.transaction() as session:
            session.execute("DELETE FROM row_outcome WHERE source_id > 0 ORDER BY sequence LIMIT 1")
            session.execute("UPDATE lane_progress SET n_rejected = 0, n_applied = 1 WHERE n_rejected = 1 LIMIT 1")

        found = cli.json("rejects", "redrive", pattern(cli))

        assert (found["gains"]["tried"], found["after"]["pattern"]) == (1, 1)

    @pytest.mark.parametrize(
        ("stream", "step"),
        [("trips", step) for step in REDRIVE_STEPS]
        + [("people", Step.REDRIVE_WRITTEN), ("people", Step.REDRIVE_COMMITTED)],
    )
    def test_kill_9_at_any_step_and_a_second_call_end_the_same(self, world, cli, stream, step):
        world.put("people", [bad_person(f"u{n % 7}", n) for n in range(30)])
        world.put("people", [("r", doc(id="r", name=7, age=13)), person("u3", "newer")])
        world.put("trips", [change(f"t{n % 7}", stage=n, delay=n) for n in range(30)])
        world.put("trips", [change("t1", delay=3), whole("t2", stage="w"), change("t2", delay=8)])
        world.drain()
        fix(world)
        ((name,),) = world.rows(
            "SELECT hash FROM reject_pattern JOIN stream s USING (stream_id) WHERE code = 'TYPE_MISMATCH' "
            "AND s.name = %s ORDER BY rejects DESC LIMIT 1",
            stream,
        )
        cli.env["MIGRATION_FAILPOINTS"] = f"{step}:2"
        killed = cli.start("rejects", "redrive", str(name))
        assert killed.wait(60) == -signal.SIGKILL
        killed.communicate()
        del cli.env["MIGRATION_FAILPOINTS"]

        for one in world.rows("SELECT hash FROM reject_pattern WHERE code = 'TYPE_MISMATCH'"):
            cli.json("rejects", "redrive", str(one[0]))

        expected = {f"u{n % 7}": str(n) for n in range(30)} | {"u3": "newer"}
        assert dict(world.rows("SELECT id, name FROM {target}.people")) == expected
        trips = {f"t{n % 7}": (str(n), n) for n in range(30)}
        trips |= {"t1": (trips["t1"][0], 3), "t2": ("w", 8)}
        assert {row[0]: row[1:] for row in world.rows("SELECT id, stage, delay FROM {target}.trips")} == trips
        assert [code for _, _, code, _ in world.rejects("people")] == ["CHECK_VIOLATION"]
        assert world.rejects("trips") == []

    def test_beside_running_workers_every_key_ends_with_its_newest_change(self, world, cli):
        world.put("people", [bad_person(f"u{n}") for n in range(40)])
        world.put("trips", [change(f"t{n}", stage=n) for n in range(40)])
        world.drain()
        fix(world)
        world.start()
        world.start()

        def live() -> None:
            for round_ in range(10):
                world.put("people", [person(f"u{n}", f"v{round_}") for n in range(round_, 40, 3)])
                world.put("trips", [change(f"t{n}", delay=round_) for n in range(round_, 40, 3)])
                world.ring()

        writer = threading.Thread(target=live)
        writer.start()
        for one in world.rows("SELECT hash FROM reject_pattern"):
            cli.json("rejects", "redrive", str(one[0]))
        writer.join()
        world.until_drained()
        for one in world.rows("SELECT hash FROM reject_pattern WHERE rejects > 0"):
            cli.json("rejects", "redrive", str(one[0]), "--force")

        last = {n: max(r for r in range(10) if n >= r and (n - r) % 3 == 0) for n in range(40)}
        assert dict(world.rows("SELECT id, name FROM {target}.people")) == {f"u{n}": f"v{last[n]}" for n in range(40)}
        assert {row[0]: row[1:] for row in world.rows("SELECT id, stage, delay FROM {target}.trips")} == {
            f"t{n}": (str(n), last[n]) for n in range(40)
        }
        assert world.ledger("trips").parked == 0


class TestDecisions:
    def test_a_deviation_is_accepted_with_who_and_why_and_opened_again(self, world, cli):
        world.put("people", [bad_person("a")])
        world.drain()

        accepted = cli.json("rejects", "accept", pattern(cli), "--because", "test accounts", "--by", "kim")
        reopened = cli.json("rejects", "reopen", pattern(cli), "--because", "not so", "--by", "lee")

        assert (accepted["state"], accepted["rejects"], reopened["state"]) == ("accepted", 1, "open")
        assert world.rows("SELECT state, who, because, rejects FROM reject_decision ORDER BY decision_id") == [
            ("accepted", "kim", "test accounts", 1),
            ("open", "lee", "not so", 1),
        ]

    def test_accepting_rejects_what_waits_behind_and_frees_the_key(self, world, cli, monkeypatch):
        monkeypatch.setattr("db.reject_decisions._ROWS_AT_ONCE", 3)
        world.put("trips", [change("t", stage="one"), change("t", stage=2), *(change("t", delay=n) for n in range(8))])
        world.put("trips", [change("u", stage=5), change("u", delay=7)])
        world.drain()

        found = cli.json("rejects", "accept", pattern(cli), "--because", "agreed")

        ledger = world.ledger("trips")
        assert found["rejected_behind"] == 9
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (11, 0, 0)
        assert {one["state"] for one in cli.json("rejects", "list")} == {"accepted"}
        world.put("trips", [change("t", delay=9)])
        world.drain()
        assert world.rows("SELECT id, stage, delay FROM {target}.trips") == [("t", "one", 9)]

    def test_what_was_accepted_and_passed_over_is_folded_again_in_its_place(self, world, cli):
        world.put("trips", [change("t", stage="one"), change("t", stage=2, delay=1), change("t", delay=2)])
        world.drain()
        cli.json("rejects", "accept", pattern(cli), "--because", "agreed")
        world.put("trips", [change("t", delay=3)])
        world.drain()
        fix(world)

        cli.json("rejects", "redrive", pattern(cli))

        assert world.rows("SELECT id, stage, delay FROM {target}.trips") == [("t", "2", 3)]
        assert world.ledger("trips").rejected == 0

    def test_a_reason_is_asked_for(self, world, cli):
        world.put("people", [bad_person("a")])
        world.drain()

        assert cli.run("rejects", "accept", pattern(cli))[0] == 2
        assert cli.run("rejects", "accept", pattern(cli), "--because", " ")[0] == 2
        assert cli.json("rejects", "list")[0]["state"] == "open"
