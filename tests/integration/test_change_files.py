"""Changes after the switch, on a real server: each in its file exactly once, in the words of the old platform."""

import json
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from threading import Thread

import pytest

from db.change_log import turn_off, turn_on
from db.engine import Database
from migration_cli import cutover_parts
from migration_core.errors import ConfigError, Halted
from migration_core.steps import Step
from migration_verifier.change_files import export_changes
from tests.integration.cutting_over import at_rest

pytestmark = pytest.mark.servers


class Killed(BaseException):
    """Stands for kill -9: nothing below may handle it."""


class Switched:
    """The moment after the switch: users write, and their changes are logged."""

    def __init__(self, night, folder) -> None:
        self.night, self.folder = night, folder
        self.database = night.applying.database
        self.target = night.applying.target
        self.back = cutover_parts.way_back(self.database, night.applying.mapping_file)
        self.cutover_id = night.begin()
        turn_on(self.database, self.cutover_id, self.target, self.back.tables)

    def write(self, sql, *arguments) -> None:
        self.night.applying.rows(sql, *arguments)

    def export(self, **options):
        return export_changes(self.database, self.cutover_id, self.folder, self.back.reversals, **options)

    def lines(self, stream="people"):
        text = (self.folder / f"changes-{stream}.ndjson").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def logged(self):
        return [one for (one,) in self.night.applying.rows("SELECT change_id FROM change_log ORDER BY change_id")]

    def exactly_once(self):
        found = [line["change"] for stream in ("people", "logins", "trips") for line in self.lines(stream)]
        return Counter(found) == Counter(self.logged())


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory):
    with at_rest(servers, tmp_path_factory.mktemp("night")) as found:
        yield found


@pytest.fixture
def switched(world, tmp_path):
    world.reset()
    world.applying.rows("DELETE FROM {target}.people")
    world.applying.rows("DELETE FROM {target}.phones")
    yield Switched(world, tmp_path)
    turn_off(world.applying.database, world.applying.target)


def people(switched, count, first=0):
    for number in range(first, first + count):
        switched.write("INSERT INTO {target}.people (id, name, source_sequence) VALUES (%s, 'n', 0)", f"u{number}")


class TestTheLines:
    def test_insert_update_and_delete_are_told_by_legacy_id_path_and_value(self, switched):
        switched.write("INSERT INTO {target}.people VALUES ('u1', 'Ada', 36, '{\"city\": {\"zip\": 12.50}}', 0)")
        switched.write("UPDATE {target}.people SET age = 37 WHERE id = 'u1'")
        switched.write("INSERT INTO {target}.phones VALUES ('u1', '555', 0)")
        switched.write("DELETE FROM {target}.people WHERE id = 'u1'")

        switched.export()

        told = [(line["op"], line["id"], line["element_of"], line["after"]) for line in switched.lines()]
        whole = {"id": "u1", "name": "Ada", "age": 36, "city": {"zip": 12.5}}
        assert told == [
            ("insert", {"$.id": "u1"}, None, whole),
            ("update", {"$.id": "u1"}, None, {**whole, "age": 37}),
            ("insert", {"$.id": "u1"}, "$.phones", {"number": "555"}),
            ("delete", {"$.id": "u1"}, None, None),
        ]
        assert switched.lines()[-1]["before"] == {**whole, "age": 37}

    def test_a_change_of_the_id_is_a_delete_and_an_insert(self, switched):
        people(switched, 1)
        switched.write("UPDATE {target}.people SET id = 'v0' WHERE id = 'u0'")

        switched.export()

        assert [(line["op"], line["id"]["$.id"]) for line in switched.lines()[1:]] == [
            ("delete", "u0"),
            ("insert", "v0"),
        ]

    def test_quotes_emoji_and_null_come_through_unchanged(self, switched):
        name = "O'B\\r\"é😀"
        switched.write("INSERT INTO {target}.people (id, name, source_sequence) VALUES ('u1', %s, 0)", name)

        switched.export()

        assert switched.lines()[0]["after"] == {"id": "u1", "name": name, "age": None}

    def test_what_a_user_rolls_back_is_not_told(self, switched):
        with suppress(Killed), switched.database.transaction() as session:
            session.execute(f"INSERT INTO {switched.target}.people (id, name, source_sequence) VALUES ('u1', 'n', 0)")
            raise Killed

        switched.export()

        assert switched.lines() == []

    def test_before_the_log_begins_and_after_it_ends_nothing_is_logged(self, switched):
        turn_off(switched.database, switched.target)
        people(switched, 1)

        assert switched.logged() == []

    def test_turning_on_again_keeps_the_triggers_that_stand(self, switched):
        people(switched, 1)
        turn_on(switched.database, switched.cutover_id, switched.target, switched.back.tables)
        people(switched, 1, first=1)

        assert len(switched.logged()) == 2


class TestExactlyOnce:
    def test_what_was_exported_is_not_exported_again(self, switched):
        people(switched, 3)
        switched.export()
        people(switched, 2, first=3)

        found = switched.export()

        assert found["people"][1] == 5
        assert switched.exactly_once()

    @pytest.mark.parametrize("point", [Step.CHANGES_WRITTEN, Step.CHANGES_MARKED])
    @pytest.mark.parametrize("passing", [1, 2, 3])
    def test_dying_at_any_point_of_any_batch_loses_nothing_and_doubles_nothing(
        self, switched, monkeypatch, point, passing
    ):
        monkeypatch.setattr("db.change_export._BATCH", 2)
        people(switched, 5)
        passed = Counter()

        def reached(step):
            passed[step] += 1
            if step is point and passed[step] == passing:
                raise Killed

        with pytest.raises(Killed):
            switched.export(reached=reached)
        people(switched, 1, first=5)
        switched.export()

        assert switched.exactly_once()
        assert [line["after"]["id"] for line in switched.lines()] == [f"u{number}" for number in range(6)]

    def test_killed_by_the_system_in_the_middle_it_goes_on(self, switched):
        people(switched, 5)
        environment = switched.night.applying.environment | {
            "MIGRATION_FAILPOINTS": f"{Step.CHANGES_WRITTEN}:1:kill", "PATH": "/usr/bin:/bin"
        }  # fmt: skip

        command = [sys.executable, "-m", "migration_cli", "cutover", "export", str(switched.folder)]
        killed = subprocess.run(command, env=environment, check=False)
        switched.export()

        assert killed.returncode == -signal.SIGKILL
        assert switched.exactly_once()

    def test_a_change_whose_transaction_ends_late_is_neither_lost_nor_told_before_it_is_true(self, switched):
        late = Database(switched.night.applying.url, pool_size=1)
        with late.transaction() as session:
            session.execute(f"INSERT INTO {switched.target}.people (id, name, source_sequence) VALUES ('late', 'n', 0)")
            people(switched, 3)
            switched.export()
            assert "late" not in [line["after"]["id"] for line in switched.lines()]
        late.close()

        switched.export()

        assert switched.exactly_once()
        assert switched.lines()[-1]["after"]["id"] == "late"

    def test_writers_beside_exporters_that_die_all_the_while(self, switched, monkeypatch):
        monkeypatch.setattr("db.change_export._BATCH", 3)

        def writes(name):
            database = Database(switched.night.applying.url, pool_size=1)
            for number in range(40):
                with database.transaction() as session:
                    session.execute(
                        f"INSERT INTO {switched.target}.people (id, name, source_sequence) "
                        "VALUES (%s, '0', 0) AS new ON DUPLICATE KEY UPDATE name = %s",
                        (f"{name}{number % 4}", str(number)),
                    )
            database.close()

        def dying():
            passed = 0

            def reached(_step):
                nonlocal passed
                passed += 1
                if passed == 5:
                    raise Killed

            return reached

        writers = [Thread(target=writes, args=(name,)) for name in ("a", "b", "c")]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            with suppress(Killed):
                switched.export(reached=dying())
        switched.export()

        assert switched.exactly_once()
        newest = {line["id"]["$.id"]: line["after"]["name"] for line in switched.lines()}
        assert newest == dict(switched.night.applying.rows("SELECT id, name FROM {target}.people"))


class TestTheFile:
    def test_another_folder_is_refused_unless_all_is_written_anew(self, switched, tmp_path):
        people(switched, 2)
        switched.export()
        switched.folder = tmp_path / "other"

        with pytest.raises(ConfigError, match="--again"):
            switched.export()
        switched.export(again=True)

        assert switched.exactly_once()

    def test_a_file_that_was_cut_short_is_noticed(self, switched):
        people(switched, 2)
        switched.export()
        (switched.folder / "changes-people.ndjson").write_bytes(b"")
        people(switched, 1, first=2)

        with pytest.raises(Halted, match="shorter"):
            switched.export()


def test_a_switch_back_waits_until_a_person_has_applied_the_changes(world):
    world.reset()
    world.begin(watch_seconds=60.0)

    def look():
        world.approve_when_asked()
        at = world.store.active()
        if at.step == "watch":
            world.applying.rows("INSERT IGNORE INTO {target}.people (id, name, source_sequence) VALUES ('new', 'n', 0)")
            world.store.ask_abort("Ada", "slow")

    world.at_look = look
    with pytest.raises(Exception, match="1 changes since the switch"):
        world.run()
    world.store.confirm_carried_back()

    assert world.run().step == "syncing"
    assert [hook for hook, _ in world.calls] == ["freeze", "switch", "switch_back", "unfreeze"]
    assert (world.states(), world.triggers()) == ({"running"}, 0)
