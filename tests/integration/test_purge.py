"""`migration purge` on a real server: what nothing needs is gone, and the ledger is as true as before."""

import json
import sys
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from db import audit
from db.ledger_proof import source_ledgers, stream_proofs
from db.purge import outdated, purged_lanes
from db.remainders import open_remainders
from migration_cli.__main__ import main
from migration_core.errors import Transient
from migration_core.steps import Step
from migration_verifier import purging
from migration_verifier.audit import Auditor, prove
from migration_verifier.purging import purge_stream
from tests.integration.applying import Applying, doc, person
from tests.integration.emptying import emptied

pytestmark = pytest.mark.servers

PURGE_STEPS = [step for step in Step if step.startswith("purge.")]
NOW = datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture
def world(shared, monkeypatch) -> Applying:
    monkeypatch.setenv("DATABASE_URL", shared.url)
    return emptied(shared)


@pytest.fixture
def people(world) -> Applying:
    """Ten people of three versions each; of two the newest is rejected; all proven, and all of 2023."""
    records = [person(f"u{n}", f"v{version}") for version in range(3) for n in range(10)]
    records[21] = person("u1", age=13)
    records[22] = ("u2", b"{broken")
    world.put("people", records)
    world.drain()
    proven(world)
    return world


def proven(world: Applying) -> None:
    prove(Auditor(world.database), Event(), lambda _behind: None)


def run(world: Applying, sql: str, *arguments: object) -> None:
    with world.database.transaction() as session:
        assert session.execute(sql, arguments) > 0


def offsets(world: Applying, stream: str = "people") -> set[int]:
    return {offset for (offset,) in world.rows(f"SELECT source_offset FROM raw_{stream}")}


def said(capsys, monkeypatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["migration", "purge", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0), capsys.readouterr().out


def true(world: Applying) -> None:
    """By the audit that goes on, by a new lap, and by a full count that shares nothing with it."""
    Auditor(world.database).round(Event())
    assert open_remainders(world.database) == []
    proven(world)
    assert open_remainders(world.database) == []
    assert world.remainders() == []
    assert not any(one.remainder for one in source_ledgers(world.database))


KEPT = {*range(20, 30), 11, 12}
"""The newest good row of every key, and the two rejects."""


class TestOutdated:
    def test_the_newest_good_row_of_each_key_and_every_reject_stay(self, people):
        removed = purge_stream(people.database, "people", NOW, everything=False)

        assert removed == 18
        assert offsets(people) == KEPT
        true(people)

    def test_what_is_received_and_done_stays_so_in_every_ledger(self, people):
        streams, sources = stream_proofs(people.database), source_ledgers(people.database)

        purge_stream(people.database, "people", NOW, everything=False)

        assert source_ledgers(people.database) == sources
        before = {one.stream: one for one in streams}["people"]
        after = {one.stream: one for one in stream_proofs(people.database)}["people"]
        assert (after.received, after.applied, after.pending) == (before.received, before.applied, 0)
        assert (before.purged, after.purged) == (0, 18)

    def test_rows_beyond_the_audit_stay_and_outdate_nothing(self, people):
        people.put("people", [person(f"u{n}", f"later{turn}") for turn in range(2) for n in range(10)])
        people.drain()

        purge_stream(people.database, "people", NOW, everything=False)

        assert offsets(people) == {*KEPT, *range(30, 50)}

    def test_rows_that_are_younger_stay(self, people):
        fresh = int((NOW - timedelta(days=1)).timestamp() * 1000)
        run(people, "UPDATE raw_people SET time = %s WHERE source_offset BETWEEN 10 AND 12", fresh)

        purge_stream(people.database, "people", NOW - timedelta(days=30), everything=False)

        assert offsets(people) == {*KEPT, 10}

    def test_a_parked_row_stays_with_the_good_one_before_it(self, world):
        world.put("logins", [("a", doc(id="a", login="x")), ("b", doc(id="b", login="old"))])
        world.put("logins", [("b", doc(id="b", login="y"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login="x"))])
        world.drain()
        proven(world)

        removed = purge_stream(world.database, "logins", NOW, everything=False)

        assert world.rows("SELECT COUNT(*) FROM parked_key") == [(1,)]
        assert (removed, offsets(world, "logins")) == (1, {0, 2, 3})
        true(world)

    def test_many_slices_of_keys_find_the_same_rows(self, people, monkeypatch):
        whole = [one for lane in purged_lanes(people.database, "people") for found in
                 outdated(people.database, lane, NOW) for one in found]  # fmt: skip
        monkeypatch.setattr("db.purge._KEYS_IN_MEMORY", 2)
        sliced = [one for lane in purged_lanes(people.database, "people") for found in
                  outdated(people.database, lane, NOW) for one in found]  # fmt: skip

        assert len(whole) == 18
        assert sorted(sliced) == sorted(whole)

    def test_snapshot_rows_are_as_old_as_their_opening_not_as_their_records(self, people):
        stream = "SELECT stream_id, 2, 'snapshot', NOW(6), NOW(6) FROM stream WHERE name = 'people'"
        run(people, f"INSERT INTO stream_generation (stream_id, generation, kind, began_at, opened_at) {stream}")

        assert purge_stream(people.database, "people", NOW - timedelta(days=30), everything=False) == 0


class TestBesideOthers:
    def test_an_audit_that_counted_rows_which_then_went_counts_them_not(self, people):
        people.put("people", [person(f"u{n}", "later") for n in range(10)])
        people.drain()
        looks = [audit.look(people.database, lane, rows=1000) for lane in audit.audited_lanes(people.database)]

        purge_stream(people.database, "people", NOW, everything=False)

        touched = [one for one in looks if one.lane.stream == "people" and one.rows]
        assert touched
        assert not any(audit.write(people.database, one, []) for one in touched)
        true(people)

    def test_the_ledger_is_true_while_rows_are_applied_audited_and_purged_at_once(self, world):
        stop = Event()

        def prove_and_purge() -> None:
            auditor = Auditor(world.database, rest=0.5)
            while not stop.is_set():
                auditor._rows = 5
                auditor.round(stop)
                purge_stream(world.database, "people", NOW, everything=False)

        other = Thread(target=prove_and_purge)
        other.start()
        for turn in range(4):
            world.put("people", [person(f"u{n}", f"v{turn}", age=13 if n == turn else 1) for n in range(8)])
            world.drain(rows=3)
        stop.set()
        other.join()
        proven(world)
        purge_stream(world.database, "people", NOW, everything=False)

        # What was once found stays on record, so an empty table says that nothing ever was.
        assert world.rows("SELECT kind, detail FROM ledger_remainder") == []
        assert len(offsets(world)) == 8 + 4
        true(world)

    def test_a_lane_that_stays_held_is_left_and_the_caller_told_to_try_again(self, people, monkeypatch):
        monkeypatch.setattr(purging, "_TRIES", 2)
        with people.database.transaction() as session:
            session.execute("SELECT 1 FROM lane_progress FOR UPDATE")

            with pytest.raises(Transient, match="held"):
                purge_stream(people.database, "people", NOW, everything=False)

        assert len(offsets(people)) == 30

    @pytest.mark.parametrize("step", PURGE_STEPS)
    def test_dying_at_any_step_leaves_a_true_ledger_and_the_same_command_goes_on(self, people, step, monkeypatch):
        class Died(BaseException):
            pass

        passes = []

        def die(at: Step) -> None:
            passes.append(at)
            if passes.count(step) == 2:
                raise Died

        with pytest.raises(Died):
            purge_stream(people.database, "people", NOW, everything=False, reached=die)
        true(people)
        purge_stream(people.database, "people", NOW, everything=False)

        assert offsets(people) == KEPT
        true(people)


class TestCommand:
    def test_a_dry_run_tells_what_the_command_then_removes(self, people, capsys, monkeypatch):
        dry = said(capsys, monkeypatch, "people", "--dry-run")
        untouched = len(offsets(people))
        done = said(capsys, monkeypatch, "people", "--yes")
        again = said(capsys, monkeypatch, "people", "--yes", "--json")

        assert (dry, untouched) == ((0, "18 raw rows of people and 0 finished runs would go\n"), 30)
        assert done == (0, "18 raw rows of people and 0 finished runs are gone\n")
        assert json.loads(again[1]) == {"removed": True, "rows": {"people": 0}, "runs": 0}

    def test_without_a_yes_nothing_goes(self, people, capsys, monkeypatch):
        monkeypatch.setattr("typer.confirm", lambda *_, **__: (_ for _ in ()).throw(SystemExit(1)))

        assert said(capsys, monkeypatch, "people")[0] == 1
        assert len(offsets(people)) == 30

    def test_a_remainder_shuts_the_gate(self, people, capsys, monkeypatch):
        run(people, "DELETE FROM raw_people WHERE source_offset = 3")
        proven(people)

        code, out = said(capsys, monkeypatch, "people", "--yes")

        assert (code, "gate fail: people: the ledger has 3 remainders" in out) == (1, True)
        assert len(offsets(people)) == 29

    def test_everything_goes_only_from_a_stream_at_its_end_and_its_rejects_keep_their_bytes(
        self, people, capsys, monkeypatch
    ):
        running = said(capsys, monkeypatch, "people", "--everything", "--yes")
        run(people, "UPDATE stream_state t JOIN stream s USING (stream_id) SET t.state = 'paused' "
            "WHERE s.name = 'people'")  # fmt: skip
        disputed = said(capsys, monkeypatch, "people", "--everything", "--yes")
        run(people, "UPDATE reject_pattern SET state = 'accepted'")
        over = said(capsys, monkeypatch, "people", "--everything", "--yes")

        assert (running[0], disputed[0], over[0]) == (1, 1, 0)
        assert "not paused" in running[1]
        assert "2 rejects are open" in disputed[1]
        assert offsets(people) == set()
        assert people.rows("SELECT COUNT(*) FROM row_outcome") == [(0,)]
        assert people.rows("SELECT COUNT(*) FROM reject WHERE value IS NOT NULL") == [(2,)]
        true(people)

    def test_finished_runs_go_but_for_those_that_tell_of_decisions(self, people, capsys, monkeypatch):
        runs = "INSERT INTO run (kind, step, version, mapping_hash, started_at, finished_at) VALUES "
        long_ago = "NOW(6) - INTERVAL 40 DAY"
        run(people, f"{runs} ('verify', 'done', '', '', {long_ago}, {long_ago}), ('verify', 'done', '', '', "
            f"{long_ago}, NOW(6)), ('verify', 'on', '', '', {long_ago}, NULL), "
            f"('accept_gap', 'done', '', '', {long_ago}, {long_ago})")  # fmt: skip

        _, out = said(capsys, monkeypatch, "logins", "--yes", "--json")

        assert json.loads(out)["runs"] == 1
        assert people.rows("SELECT kind, step, finished_at IS NULL FROM run ORDER BY run_id") == [
            ("verify", "done", 0), ("verify", "on", 1), ("accept_gap", "done", 0)
        ]  # fmt: skip
