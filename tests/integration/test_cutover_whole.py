"""A whole example up to its cut-over, by the commands alone and with every gate asked for real."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from examples.health_devices import scenario as health_devices
from migration_core.cutover import CutoverStep
from tests.integration.migrating import Migrating, migrating

pytestmark = pytest.mark.servers

INDEX = "ix_devices_owner_id"


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory):
    """Migrated, checked, at rest, and with every reject accepted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        scenario = health_devices.scenario(200)
        with migrating(servers, scenario, folder) as found:
            for beside in ("migrations", "statements.yaml"):
                (found.scenario.mapping.parent / beside).symlink_to(scenario.mapping.parent / beside)
            found.environment |= {f"CUTOVER_{hook}_HOOK": "true" for hook in ("FREEZE", "UNFREEZE", "SWITCH")}
            found.publish_initial()
            found.begin_writing(seconds=0)
            found.take_snapshot()
            found.start_services(workers=1)
            found.prove()
            for pattern in migration(found, "rejects", "list")[1]:
                migration(found, "rejects", "accept", pattern["pattern"], "--by", "Ada", "--because", "planted")
            yield found


def migration(world: Migrating, *arguments: str) -> tuple[int, Any]:
    """The command's exit code, and the JSON that it says."""
    command = [sys.executable, "-m", "migration_cli", *arguments, "--json"]
    done = subprocess.run(command, env={**os.environ, **world.environment}, capture_output=True, check=False)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def run(world: Migrating, sql: str) -> None:
    with world.database.transaction() as session:
        session.execute(sql.replace("devices", f"{world.scenario.target_schema}.devices", 1))


def test_a_row_that_differs_stops_it_and_is_counted(world):
    run(world, "UPDATE devices SET firmware = CONCAT(firmware, ' ') ORDER BY id LIMIT 1")
    try:
        code, told = migration(world, "cutover", "run")
    finally:
        run(world, "UPDATE devices SET firmware = TRIM(firmware) ORDER BY id LIMIT 1")

    assert (code, told["cutover"]["step"]) == (1, "syncing")
    assert "verify: 1 differences" in told["cutover"]["reason"]


def test_it_is_rehearsed_with_every_gate_asked_and_open(world):
    code, told = migration(world, "cutover", "run", "--rehearse")

    assert (code, told["cutover"]["step"], told["cutover"]["reason"]) == (0, "rehearsed", "")
    asked = {one["step"]: [gate["name"] for gate in one["gates"]] for one in told["steps"]}
    assert asked[CutoverStep.VERIFY] == ["verify"]
    assert asked[CutoverStep.PLANS] == ["schema drift", "query plan"]
    assert asked[CutoverStep.DRAIN][-1] == "ledger"


def test_a_missing_index_stops_it_and_is_named(world):
    run(world, f"ALTER TABLE devices DROP INDEX {INDEX}")
    try:
        code, told = migration(world, "cutover", "run")
    finally:
        run(world, f"ALTER TABLE devices ADD INDEX {INDEX} (owner_id)")

    assert (code, told["cutover"]["step"]) == (1, "syncing")
    assert INDEX in told["cutover"]["reason"]


def test_the_report_says_that_only_the_switch_is_missing(world):
    code, told = migration(world, "report", "--out", str(world.folder / "report"))

    assert (code, told["open"]) == (1, ["Cut-over"])
