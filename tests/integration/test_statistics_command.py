"""`migration statistics` and what `migration check` says of them, as people meet them."""

import pytest

from examples.health_devices.counted import active_devices
from migration_statistics.checks import statistic_findings
from tests.integration.command_line import Cli
from tests.integration.fleet import Fleet, as_new, document

pytestmark = pytest.mark.servers


@pytest.fixture
def world(shared_fleet) -> Fleet:
    as_new(shared_fleet)
    shared_fleet.images(*map(document, range(20)))
    return shared_fleet


@pytest.fixture
def cli(world, monkeypatch, capsys) -> Cli:
    found = Cli(world.url, monkeypatch, capsys)
    found.env["MIGRATION_CONFIG"] = str(world.mapping_file)
    return found


def verdicts(world: Fleet) -> list[tuple[str, str]]:
    return [(one.check, str(one.verdict)) for one in statistic_findings(world.mapping_file, world.database)]


def faults(world: Fleet) -> list[str]:
    return [one.found for one in statistic_findings(world.mapping_file, world.database) if one.verdict == "fail"]


def test_each_is_listed_with_its_last_run(cli):
    assert [one["last_run"] for one in cli.json("statistics", "list")] == [None, None]

    told = cli.json("statistics", "run", "active_devices")

    assert (told["state"], told["full"], told["rows"]) == ("done", True, 20)
    listed = {one["name"]: one for one in cli.json("statistics", "list")}
    assert listed["active_devices"]["last_run"] == told
    assert listed["active_devices"]["schedule"] == "rate(10 minutes)"
    assert "never ran" in cli.run("statistics", "list")[1]


def test_one_is_shown_with_its_sql_and_its_runs(cli, world):
    cli.run("statistics", "run", "active_devices")
    world.images(document(3, model="new"))
    code, out, err = cli.run("statistics", "run", "active_devices")

    shown = cli.json("statistics", "show", "active_devices")

    assert (code, "1 rows" in out) == (0, True), err
    assert "begun, what has changed since run" in err
    assert [one["full"] for one in shown["runs"]] == [False, True]
    assert shown["sql"].startswith("SELECT id AS device_id")
    assert world.active() == active_devices(world.model)
    assert "no run of it has come to its end" in cli.run("statistics", "show", "active_devices")[1]


def test_what_is_not_there_and_what_excludes_each_other_is_usage(cli):
    code, _, err = cli.run("statistics", "run", "active_device")
    assert (code, err) == (2, "the mapping has no statistic 'active_device'; it has active_devices, device_owners\n")
    assert cli.run("statistics", "show", "nothing")[0] == 2
    assert cli.run("statistics", "run", "active_devices", "--full", "--since", "3")[0] == 2
    assert cli.run("statistics", "run", "device_owners", "--since", "3")[0] == 2


def test_the_check_passes_what_can_run(world):
    assert verdicts(world) == [("active_devices", "pass"), ("device_owners", "pass")]


REFUSED = [
    ({"status": "state"}, "statistics/active_devices.sql:4:15: %(state)s has no value; known are status"),
    ({"SELECT": "DELETE"}, "statistics/active_devices.sql:2:1: a statistic begins with SELECT, not DELETE"),
    ({"model, 1": "modell, 1"}, "the server refuses statistics/active_devices.sql: MySQL error 1054"),
    ({"1 AS devices": "1 AS count"}, "gives no column devices; write `… AS devices`"),
    ({"FROM devices": "FROM devices JOIN users ON users.id = owner_id"}, "whose changes stream devices does not bring"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_the_check_refuses_sql_that_cannot_run_and_says_where(world, changes, message):
    world.rewrite(changes, "statistics/active_devices.sql")

    assert any(message in one for one in faults(world)), faults(world)


def test_the_check_refuses_a_table_that_is_not_there_and_names_its_place(world):
    world.rewrite({"table: device_owners": "table: owners"})

    (fault,) = faults(world)

    assert fault.startswith(f"{world.mapping_file}:")
    assert f"table owners is not in {world.target}; write a revision of the processed schema" in fault


def test_a_run_that_cannot_be_is_refused_before_it_is_recorded(cli, world):
    world.rewrite({"table: device_owners": "table: owners"})

    assert cli.run("statistics", "run", "device_owners")[0] == 2
    assert world.rows("SELECT COUNT(*) FROM run WHERE kind = 'statistic'") == [(0,)]


def test_the_tables_that_a_run_builds_in_are_no_drift_and_those_of_nobody_are(cli, world):
    asked = ("drift", "--declared", str(world.scenario.migrations))
    world.run_sql("CREATE TABLE {target}.device_owners__shadow LIKE {target}.device_owners")

    beside_a_run = cli.run(*asked)[0]
    world.run_sql("CREATE TABLE {target}.users__shadow LIKE {target}.users")
    of_nobody = cli.json(*asked, code=1)["differences"]
    world.run_sql("DROP TABLE {target}.device_owners__shadow, {target}.users__shadow")

    assert beside_a_run == 0
    assert [one["table"] for one in of_nobody] == ["users__shadow"]
