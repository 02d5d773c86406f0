"""Both examples from their source to a checked copy, by the real programs, and one up to the eve of its cut-over."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from db.reject_decisions import accept, the_pattern
from examples.flights import scenario as flights
from examples.health_devices import scenario as health_devices
from migration_core.cutover import CutoverStep
from tests.integration.migrating import Migrating, migrating

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


def test_health_devices_up_to_the_eve_of_its_cutover(servers, tmp_path):
    example = health_devices.scenario(5000)
    with migrating(servers, example, tmp_path) as world:
        world.publish_initial()
        world.begin_writing(seconds=5)
        world.take_snapshot("--part-rows", "2000")
        world.start_services(workers=2)

        world.prove(patience=300)

        assert world.stored() > 50_000
        for beside in ("migrations", "statements.yaml"):
            (world.scenario.mapping.parent / beside).symlink_to(example.mapping.parent / beside)
        world.environment |= {f"CUTOVER_{hook}_HOOK": "true" for hook in ("FREEZE", "UNFREEZE", "SWITCH")}
        open_rejects_stop_it(world)
        a_row_that_differs_stops_it_and_is_counted(world)
        it_is_rehearsed_with_every_gate_asked_and_open(world)
        the_report_says_that_only_the_switch_is_missing(world)
    assert not world.exits


def open_rejects_stop_it(world):
    code, told = migration(world, "cutover", "run")

    assert (code, told["cutover"]["step"]) == (1, "syncing")
    assert "rejects: " in told["cutover"]["reason"]
    for pattern in migration(world, "rejects", "list")[1]:
        chosen = the_pattern(world.database, pattern["pattern"])
        accept(world.database, chosen, who="Ada", because="planted", version="test")


def migration(world: Migrating, *arguments: str) -> tuple[int, Any]:
    """The command's exit code, and the JSON that it says."""
    command = [sys.executable, "-m", "migration_cli", *arguments, "--json"]
    done = subprocess.run(command, env={**os.environ, **world.environment}, capture_output=True, check=False)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def run(world: Migrating, sql: str) -> None:
    with world.database.transaction() as session:
        session.execute(sql.replace("devices", f"{world.scenario.target_schema}.devices", 1))


def a_row_that_differs_stops_it_and_is_counted(world):
    run(world, "UPDATE devices SET firmware = CONCAT(firmware, ' ') ORDER BY id LIMIT 1")
    try:
        code, told = migration(world, "cutover", "run")
    finally:
        run(world, "UPDATE devices SET firmware = TRIM(firmware) ORDER BY id LIMIT 1")

    assert (code, told["cutover"]["step"]) == (1, "syncing")
    assert "verify: 1 differences" in told["cutover"]["reason"]


def it_is_rehearsed_with_every_gate_asked_and_open(world):
    code, told = migration(world, "cutover", "run", "--rehearse")

    assert (code, told["cutover"]["step"], told["cutover"]["reason"]) == (0, "rehearsed", "")
    asked = {one["step"]: [gate["name"] for gate in one["gates"]] for one in told["steps"]}
    assert asked[CutoverStep.VERIFY] == ["verify"]
    assert asked[CutoverStep.PLANS] == ["schema drift", "query plan"]
    assert asked[CutoverStep.DRAIN][-1] == "ledger"


def the_report_says_that_only_the_switch_is_missing(world):
    code, told = migration(world, "report", "--out", str(world.folder / "report"))

    assert (code, told["open"]) == (1, ["Cut-over"])


def test_flights(servers, tmp_path):
    with migrating(servers, flights.scenario(months=1), tmp_path) as world:
        world.publish_initial()
        world.begin_writing(seconds=0)
        world.take_snapshot("--part-rows", "5000", "--compression", "gzip")
        world.start_services(workers=2)

        world.prove()

        assert world.stored() > 25_000
    assert not world.exits
