"""What a cut-over takes a verification for, on a real server: only for what it has seen."""

import os
import signal
import subprocess
import sys

import pytest

from db import lanes
from migration_cli.cutover_parts import verify_gates
from migration_core.gate import GateVerdict
from migration_verifier.verify_standing import standing_gate
from tests.integration.applying import Applying, doc, person
from tests.integration.emptying import emptied
from tests.integration.verifying import verified

pytestmark = pytest.mark.servers


@pytest.fixture
def world(shared) -> Applying:
    return emptied(shared)


def stands(world: Applying) -> bool:
    return standing_gate(world.database).verdict is GateVerdict.PASS


def spoil(world: Applying) -> None:
    with world.database.transaction() as session:
        session.execute(f"UPDATE {world.target}.people SET name = 'spoilt'")


def killed_when_all_was_compared(world: Applying) -> None:
    """`migration verify --since-last`, at its last unit."""
    ((units,),) = world.rows("SELECT COUNT(*) FROM verify_unit WHERE kind = 'fold'")
    environment = {**os.environ, **world.environment, "MIGRATION_FAILPOINTS": f"verifier.compared:{units}"}
    command = [sys.executable, "-m", "migration_cli", "verify", "--since-last", "--workers", "1"]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL


def test_a_verification_that_was_interrupted_long_ago_does_not_open_the_gate(world, monkeypatch):
    world.put("people", [person(str(n)) for n in range(20)])
    world.drain()
    verified(world)
    killed_when_all_was_compared(world)
    world.put("people", [person(str(n), "later") for n in range(20)])
    world.drain()
    spoil(world)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)

    (gate,) = verify_gates(world.database, world.mapping_file)

    assert gate.verdict is GateVerdict.FAIL
    assert "20 differences" in gate.found


def test_what_was_found_equal_stands_until_something_is_applied_or_settled(world):
    world.put("people", [person("a")])
    world.drain()
    assert not stands(world)
    verified(world)
    assert stands(world)

    world.put("people", [person("a", "later")])
    world.drain()
    assert not stands(world)
    verified(world, since_last=True)
    assert stands(world)

    parts = world.parts("people")
    with world.database.transaction() as session:
        for lane in range(4):
            lanes.mark_settled(session, parts.registered.stream_id, lane)
    assert not stands(world)


def test_a_later_look_at_one_stream_decides_of_that_one_alone(world):
    world.put("people", [person("a")])
    world.put("logins", [("a", doc(id="a", login="x"))])
    world.drain()
    verified(world)
    verified(world, "logins")
    assert stands(world)

    spoil(world)
    verified(world, "people")
    assert not stands(world)
