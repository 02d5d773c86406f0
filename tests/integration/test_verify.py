"""Reconciliation on real servers: every difference at its row and column, and none where there is none."""

import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from datetime import UTC, datetime
from io import StringIO

import psutil
import pytest

from db.named_lock import alone
from db.parked_retry import retry_parked
from migration_cli.__main__ import main
from migration_core.containers.kcat import render
from migration_core.key import canonical
from migration_core.lane import lane_of
from migration_core.manifest import FILE_NAME, Manifest, StreamSnapshot, TopicOffsets
from migration_core.manifest import render as manifest_text
from migration_core.records import Received
from migration_verifier.verify_work import Throttle
from runtime.version import version
from tests.integration.applying import applying, doc, person
from tests.integration.verifying import found, verified
from tests.unit.snapshot_parts import part_of
from tests.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def world(servers, tmp_path, credentials):
    with applying(servers, tmp_path) as made:
        yield made


def change(world, *statements):
    """Behind the back of every program."""
    with world.database.transaction() as session:
        for statement in statements:
            session.execute(statement.replace("{target}", world.target))


def started(world, *arguments, stderr=subprocess.DEVNULL):
    """The real command, in the background."""
    command = [sys.executable, "-m", "migration_cli", *arguments]
    return subprocess.Popen(command, env={**os.environ, **world.environment}, stdout=subprocess.DEVNULL, stderr=stderr)


def asked(world, *arguments):
    """(exit code, JSON) of the command, in this process."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in world.environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["migration", *arguments, "--json"])
        with pytest.raises(SystemExit) as left:
            main()
    assert err.getvalue() == ""
    return int(left.value.code or 0), json.loads(out.getvalue())


def stopped_children(pid):
    """Processes below `pid` that have been stopped, once there are two."""
    with suppress(psutil.NoSuchProcess):  # one of those that help to begin has ended
        below = [one for one in psutil.Process(pid).children(recursive=True) if one.status() == psutil.STATUS_STOPPED]
        return below if len(below) == 2 else []
    return []


class TestImages:
    def test_a_true_copy_has_no_difference_whatever_became_of_its_rows(self, world):
        world.put("people", [
            person("a", "old", ["1", "2"]), person("b", extra={"b": [1, 0.5]}), person("a", "new", ["2", "3"], age=5),
            person("c"), ("c", None), person("d"), person("d", hidden=True), person("e", age=13),
            person("f", age=300), ("g", b"{"), (None, doc(id="h")),
        ])  # fmt: skip
        world.drain()

        verification = verified(world)

        assert verification.equal, verification
        assert verification.compared == {"people": 2, "phones": 2, "logins": 0, "trips": 0}

    def test_each_difference_is_found_at_its_row_and_column(self, world):
        world.put("people", [person(name, "n", ["1", "2"], age=7) for name in "abcdef"])
        world.drain()
        change(
            world,
            "UPDATE {target}.people SET name = 'N' WHERE id = 'a'",
            "UPDATE {target}.people SET age = NULL, source_sequence = 1 WHERE id = 'b'",
            "DELETE FROM {target}.people WHERE id = 'c'",
            "DELETE FROM {target}.phones WHERE person_id = 'd' AND number = '2'",
            "INSERT INTO {target}.phones VALUES ('e', '3', 1)",
            "INSERT INTO {target}.people (id, name, source_sequence) VALUES ('x', 'n', 1)",
            "INSERT INTO {target}.phones VALUES ('y', '1', 1)",
        )

        verification = verified(world)

        assert found(world, verification) == {
            ("people", "different", ("a",), "name"),
            ("people", "different", ("b",), "age"),
            ("people", "different", ("b",), "source_sequence"),
            ("people", "missing", ("c",), ""),
            ("phones", "missing", ("d", "2"), ""),
            ("phones", "extra", ("e", "3"), ""),
            ("people", "extra", ("x",), ""),
            ("phones", "extra", ("y", "1"), ""),
        }
        assert verification.differences == 8
        assert not verification.equal


class TestCommand:
    def test_the_answer_is_an_exit_code_and_the_differences_are_listed_with_their_values_masked(self, world):
        world.put("people", [person("a", "secret", age=7)])
        world.drain()

        assert asked(world, "verify", "--workers", "1")[0] == 0
        change(world, "UPDATE {target}.people SET name = 'SECRET', age = 8")
        code, told = asked(world, "verify", "people", "--workers", "1")
        listed = asked(world, "verify", "--list")

        assert code == listed[0] == 1
        assert told["compared"] == {"people": 1, "phones": 0}
        assert {(one["column"], one["pattern"], one["differences"]) for one in told["patterns"]} == {
            ("name", "upper and lower case", 1),
            ("age", "another whole number", 1),
        }
        assert {(one["column"], one["expected"], one["actual"]) for one in listed[1]["samples"]} == {
            ("name", "string 5..16 a", "string 5..16 A"),
            ("age", "string 1 9", "string 1 9"),
        }


class TestPartialChanges:
    def test_documents_are_folded_from_raw_and_not_taken_from_what_the_worker_kept(self, world):
        world.put("trips", [
            ("a", doc(op="set", body={"id": "a", "stage": "new", "delay": 5})),
            ("a", doc(op="change", body={"delay": 7})),
            ("b", doc(op="set", body={"id": "b", "stage": "new"})),
            ("b", doc(op="change", body={"stage": None})),  # parked: the column needs a value
            ("b", doc(op="change", body={"delay": 9})),
            ("c", doc(op="set", body={"id": "c", "stage": "new"})),
            ("c", doc(op="drop")),
            ("d", doc(op="change", body={"id": "d", "stage": "late"})),
        ])  # fmt: skip
        world.drain()
        assert verified(world).equal

        change(world, "UPDATE {target}.trips SET delay = 8 WHERE id = 'a'")
        with world.database.transaction() as session:
            session.execute(
                "UPDATE merged_document SET document = %s WHERE entity_key = %s",
                (b'{"id":"a","stage":"new","delay":8}', b'["a"]'),
            )

        assert found(world, verified(world)) == {("trips", "different", ("a",), "delay")}

    def test_a_park_that_ends_changes_what_stands(self, world):
        world.put("trips", [
            ("a", doc(op="set", body={"id": "a", "stage": "new"})),
            ("a", doc(op="change", body={"stage": None})),
            ("a", doc(op="change", body={"delay": 9})),
        ])  # fmt: skip
        world.drain()
        assert verified(world).equal

        world.put("trips", [("a", doc(op="set", body={"id": "a", "stage": "set"}))])
        world.drain()

        assert verified(world).equal


class TestUniqueValues:
    def test_a_parked_image_does_not_stand_until_its_value_is_free(self, world):
        world.put("logins", [("a", doc(id="a", login="x")), ("b", doc(id="b", login="y"))])
        world.put("logins", [("b", doc(id="b", login="x"))])
        world.drain()

        assert verified(world).equal
        assert world.rows("SELECT login FROM {target}.logins WHERE id = 'b'") == [("y",)]

        world.put("logins", [("a", doc(id="a", login="z"))])
        world.drain()
        retry_parked(world.parts("logins"), lane_of(canonical(["b"]), 4))

        assert world.rows("SELECT login FROM {target}.logins WHERE id = 'b'") == [("x",)]
        assert verified(world).equal


class TestWhileChangesArrive:
    def test_rows_applied_between_fold_and_look_up_are_no_difference(self, world):
        """Between the reads of every snapshot the worker changes, adds and removes rows."""
        world.put("people", [person(str(n), "old", [str(n)]) for n in range(600)])
        world.put("trips", [(str(n), doc(op="set", body={"id": str(n), "stage": "new"})) for n in range(100)])
        world.drain()
        turn = iter(range(10_000))

        def busy(_step=None):
            n = next(turn)
            world.put("people", [person(str(n * 7 % 700), "new", ["1"]), (str(n * 11 % 600), None)])
            world.put("trips", [(str(n % 130), doc(op="change", body={"id": str(n % 130), "stage": "late"}))])
            world.drain()

        verification = verified(world, within_snapshots=busy)

        assert next(turn) > 10
        assert verification.patterns == []

    def test_an_extra_row_is_found_among_new_ones(self, world):
        world.put("people", [person(str(n)) for n in range(20)])
        world.drain()
        change(world, "INSERT INTO {target}.people (id, name, source_sequence) VALUES ('x', 'n', 1)")
        turn = iter(range(10_000))

        def busy():
            world.put("people", [person(f"new{next(turn)}")])
            world.drain()

        assert found(world, verified(world, within_snapshots=busy)) == {("people", "extra", ("x",), "")}

    def test_a_row_too_many_and_one_too_few_do_not_make_up_for_each_other(self, world):
        """The number of rows proves nothing once anything was applied."""
        world.put("people", [person(str(n)) for n in range(20)])
        world.drain()
        change(world, "INSERT INTO {target}.people (id, name, source_sequence) VALUES ('x', 'n', 1)")
        gone = iter(["3"])

        def once():
            for name in gone:
                world.put("people", [(name, None)])
                world.drain()

        assert found(world, verified(world, after_folds=once)) == {("people", "extra", ("x",), "")}


class TestSinceTheLastRun:
    def test_only_keys_with_later_rows_are_compared(self, world):
        world.put("people", [person(name) for name in "abcd"])
        world.drain()
        first = verified(world)
        change(world, "UPDATE {target}.people SET name = 'x' WHERE id IN ('a', 'b')")
        world.put("people", [person("b", "newer", age=300), person("c", "newest")])
        world.drain()

        again = verified(world, since_last=True)

        assert (again.since, again.compared["people"]) == (first.run_id, 2)
        assert found(world, again) == {("people", "different", ("b",), "name")}  # its later row was rejected

    def test_what_the_last_run_did_not_cover_is_verified_whole(self, world):
        world.put("people", [person("a")])
        world.put("logins", [("a", doc(id="a", login="x"))])
        world.drain()
        assert verified(world, "people").equal
        change(world, "INSERT INTO {target}.logins VALUES ('z', 'z', 1)")

        assert found(world, verified(world, since_last=True)) == {("logins", "extra", ("z",), "")}

    def test_a_row_that_was_released_since_is_compared(self, world):
        world.put("logins", [("a", doc(id="a", login="x")), ("b", doc(id="b", login="y"))])
        world.put("logins", [("b", doc(id="b", login="x"))])
        world.drain()
        verified(world)
        world.put("logins", [("a", doc(id="a", login="z"))])
        world.drain()
        retry_parked(world.parts("logins"), lane_of(canonical(["b"]), 4))
        change(world, "UPDATE {target}.logins SET login = 'spoilt' WHERE id = 'b'")

        assert found(world, verified(world, since_last=True)) == {("logins", "different", ("b",), "login")}

    def test_a_later_look_at_everything_that_found_a_difference_is_not_forgotten(self, world):
        world.put("people", [person("a")])
        world.drain()
        verified(world)
        change(world, "UPDATE {target}.people SET name = 'spoilt'")
        assert not verified(world).equal

        assert found(world, verified(world, since_last=True)) == {("people", "different", ("a",), "name")}

    def test_what_was_equal_by_another_mapping_is_compared_again(self, world):
        world.put("people", [person("a")])
        world.drain()
        verified(world)
        mapping = world.mapping_file.read_text()
        world.mapping_file.write_text(mapping.replace("name: $.name,", "name: {constant: x},", 1))
        try:
            again = verified(world, since_last=True)
        finally:
            world.mapping_file.write_text(mapping)

        assert again.since is None
        assert ("people", "different", ("a",), "name") in found(world, again)


class TestProgress:
    @pytest.mark.parametrize(
        ("step", "passing"), [("verifier.compared", 2), ("verifier.saved", 2), ("verifier.compared", 14)]
    )
    def test_a_killed_run_goes_on_and_ends_the_same(self, world, step, passing):
        world.put("people", [person(name, "n", ["1", "2"]) for name in "abcdefgh"])
        world.drain()
        change(
            world,
            "UPDATE {target}.people SET name = 'x'",
            "DELETE FROM {target}.phones WHERE number = '2'",
            "INSERT INTO {target}.people (id, name, source_sequence) VALUES ('y', 'n', 1)",
        )
        world.environment["MIGRATION_FAILPOINTS"] = f"{step}:{passing}"
        child = started(world, "verify", "--workers", "1")
        assert child.wait() == -signal.SIGKILL
        del world.environment["MIGRATION_FAILPOINTS"]

        code, told = asked(world, "verify", "--workers", "1")

        assert (code, told["differences"], told["compared"]["people"]) == (1, 8 + 8 + 1, 8)
        assert world.rows("SELECT COUNT(*) FROM run WHERE kind = 'verify'") == [(1,)]
        assert world.rows("SELECT COUNT(*) FROM verify_difference") == [(17,)]

    def test_processes_that_lose_their_parent_leave_and_the_next_run_goes_on(self, world):
        world.put("people", [person(str(n)) for n in range(50)])
        world.drain()
        world.environment["MIGRATION_FAILPOINTS"] = "verifier.compared:2:stop"
        child = started(world, "verify", "--workers", "2")
        workers = until(lambda: stopped_children(child.pid), "a process has compared twice")
        child.kill()
        child.wait()
        for one in workers:
            one.send_signal(signal.SIGCONT)
        del world.environment["MIGRATION_FAILPOINTS"]

        psutil.wait_procs(workers, timeout=30)

        assert not any(one.is_running() for one in workers)
        assert verified(world, version=version()).equal

    def test_a_second_verification_waits_for_its_turn(self, world):
        with alone(world.database, "verify"):
            child = started(world, "verify", stderr=subprocess.PIPE)

            _, told = child.communicate()

        assert child.returncode == 75
        assert b"another `migration verify`" in told

    def test_all_differences_are_counted_where_only_some_are_kept(self, world):
        world.put("people", [person(str(n)) for n in range(30)])
        world.drain()
        change(world, "UPDATE {target}.people SET name = 'x'")

        verification = verified(world, keep=5)

        assert verification.differences == 30
        assert len(found(world, verification)) == 5

    def test_a_busy_server_is_waited_for(self):
        pauses = []
        running = iter([9, 9, 1, 9])
        throttle = Throttle(lambda: next(running), most=3, clock=lambda: 10.0 + len(pauses), pause=pauses.append)

        throttle.wait()
        throttle.wait()

        assert len(pauses) == 2


class TestSideBySide:
    def test_document_and_rows_of_a_key_are_shown_as_they_are(self, world):
        world.put("people", [person("a", "old"), person("a", "Ana", ["1", "2"]), person("b")])
        world.put("trips", [("t", doc(op="set", body={"id": "t", "stage": "new"}))])
        world.put("trips", [("t", doc(op="change", body={"delay": 3}))])
        world.drain()
        change(world, "DELETE FROM {target}.phones WHERE number = '2'")

        code, [shown] = asked(world, "compare", "people", "a")
        _, [trip] = asked(world, "compare", "trips", "t")

        assert (code, shown["document"]["name"]) == (0, "Ana")
        assert shown["document"]["phones"] == [{"number": "1"}, {"number": "2"}]
        assert [row["name"] for row in shown["rows"]["people"]] == ["Ana"]
        assert [row["number"] for row in shown["rows"]["phones"]] == ["1"]
        assert trip["document"] == {"id": "t", "stage": "new", "delay": 3}

    def test_keys_can_be_drawn_by_chance_and_a_key_that_never_was_is_a_no(self, world):
        world.put("people", [person(name) for name in "abcdefgh"])
        world.drain()

        _, drawn = asked(world, "compare", "people", "--random", "3", "--seed", "1")

        assert len({tuple(one["key"]) for one in drawn}) == 3
        assert all(one["document"]["id"] == one["rows"]["people"][0]["id"] for one in drawn)
        assert asked(world, "compare", "people", "z") == (
            1,
            [
                {
                    "stream": "people",
                    "key": ["z"],
                    "sequence": None,
                    "document": None,
                    "rows": {"people": [], "phones": []},
                }
            ],
        )


class TestAgainstASnapshot:
    def test_what_the_stream_never_told_is_found(self, world, tmp_path):
        world.put("people", [person(name, "n", ["1"]) for name in "abcd"])
        world.drain()
        folder = snapshot(
            world, tmp_path, [person("a", "n", ["1"]), person("b", "newer", ["1"]), person("c"), person("e")]
        )

        code, told = asked(world, "verify", "people", "--against", str(folder))

        assert (code, told["compared"]) == (1, {"people": 4, "phones": 2})
        assert {(s["table"], s["kind"], tuple(s["primary_key"]), s["column"]) for s in told["samples"]} == {
            ("people", "different", ("b",), "name"),
            ("phones", "extra", ("c", "1"), ""),
            ("people", "missing", ("e",), ""),
            ("people", "extra", ("d",), ""),
            ("phones", "extra", ("d", "1"), ""),
        }

    def test_where_a_record_came_from_is_no_difference(self, world, tmp_path):
        records = [person(name, "n", ["1"], age=4) for name in "abcd"]
        world.put("people", [person("a", "older"), *records])
        world.drain()

        code, _ = asked(world, "verify", "people", "--against", str(snapshot(world, tmp_path, records)))

        assert code == 0


def snapshot(world, tmp_path, records):
    """A folder of stream people, as the platform would export it."""
    (topic,) = world.mapping.streams["people"].topics
    lines = b"".join(
        render(topic, 0, Received(n, json.dumps({"id": key}).encode(), value, None, None, 0))
        for n, (key, value) in enumerate(records)
    )
    folder = tmp_path / "snapshot"
    folder.mkdir()
    (folder / "people.kcat").write_bytes(lines)
    offsets = TopicOffsets(topic=topic, topic_id="id", partition=0, start_offset=0, end_offset=0)
    stream = StreamSnapshot(
        name="people", container="kcat", topics=(offsets,), parts=(part_of("people.kcat", lines, lines),)
    )
    (folder / FILE_NAME).write_text(manifest_text(Manifest(created_at=datetime.now(UTC), streams=(stream,))))
    return folder
