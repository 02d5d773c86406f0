"""The load's state machine, executed as it is deployed: its tasks are the real programs on real servers."""

import pytest

from db.ledger import ledger
from examples.health_devices import scenario as health_devices
from migration_core.steps import Step
from tests.asl.deployment import KILLED, killed_at
from tests.asl.here import deployed_here
from tests.asl.machine import TaskFailed
from tests.integration.migrating import migrating

pytestmark = pytest.mark.servers

NO_PLACE = TaskFailed("ECS.AmazonECSException", "Capacity is unavailable at this time.")


@pytest.fixture(scope="module")
def source(servers, module_credentials, tmp_path_factory):
    """A platform that has exported its snapshot; nothing of it is loaded."""
    with migrating(servers, health_devices.scenario(60), tmp_path_factory.mktemp("load")) as world:
        world.publish_initial()
        world.take_snapshot("--part-rows", "30")
        yield world


@pytest.fixture
def deployment(source, tmp_path):
    with deployed_here(source, tmp_path) as found:
        yield found


class Fates:
    """What becomes of each run of a command, one after another; those behind the last are spared."""

    def __init__(self, deployment, **fates):
        self._left = {word: list(each) for word, each in fates.items()}
        deployment.at_task = self

    def __call__(self, task, words):
        for word, left in self._left.items():
            if left and word in " ".join((task, *words)):
                fate = left.pop(0)
                return fate() if callable(fate) else fate
        return {}


def codes(deployment, word):
    return [one.code for one in deployment.ran if word in " ".join((one.task, *one.words))]


def stored(world):
    return sum(one.received for one in ledger(world.database))


def test_three_failures_end_it_with_all_kept_and_another_execution_goes_on_to_a_verified_copy(source, deployment):
    def spent():
        deployment.instead = {"10m": "0.01s"}
        return {}

    def killed():
        deployment.instead = {}
        return killed_at(Step.LOADER_CHUNK_COMMITTED)

    Fates(
        deployment,
        fetch=[killed_at(Step.FETCH_MANIFEST_PLACED)],
        loader=[killed, *[spent] * 3, killed, killed, NO_PLACE],
    )

    failed = deployment.execute("Load")
    kept, started = stored(source), dict(deployment.desired)
    ran, waits = len(deployment.ran), list(deployment.clock.waits)
    deployment.instead = {"10000": "0"}  # so little is here that all of it would be few
    done = deployment.execute("Load")

    assert codes(deployment, "fetch")[:2] == [KILLED, 0]
    # What stops at a checkpoint is run on and no failure: the one before is forgotten, and three follow.
    assert codes(deployment, "loader")[:7] == [KILLED, 75, 75, 75, KILLED, KILLED, None]
    assert waits == [30, 30, 10, 10, 10, 30, 120]
    assert failed.error == "GaveUp"
    assert failed.cause.startswith("Load parts did not come through, last with ECS.AmazonECSException")
    assert (kept > 0, started) == (True, {})
    assert [one.task for one in deployment.ran[ran : ran + 4]] == ["schema", "command", "fetch", "loader"]
    assert (done.error, done.cause) == (None, "")
    assert deployment.ran[-1].words == ("migration_cli", "verify")
    assert deployment.desired == {"master": 1, "verifier": 1, "worker": 1}
    assert [(one["MinCapacity"], one["MaxCapacity"]) for one in deployment.scaling] == [(1, 8)]
    assert len(deployment.messages) == 1
    assert stored(source) > kept
    assert not pending(source)


def test_a_preflight_that_says_no_ends_it_before_anything_is_loaded(source, deployment):
    Fates(deployment, preflight=[{"SQS_QUEUE_URL": f"{source.queue_url.removesuffix('.fifo')}-gone.fifo"}])

    execution = deployment.execute("Load")

    assert (execution.error, codes(deployment, "preflight")) == ("AnswerIsNo", [1])
    assert execution.cause.startswith("Preflight said no")
    assert deployment.ran[-1].words[1] == "preflight"
    assert deployment.clock.waits == []


def test_settings_that_are_wrong_end_it_at_once(deployment):
    Fates(deployment, preflight=[{"MIGRATION_CONFIG": "/app/nowhere.yaml"}])

    execution = deployment.execute("Load")

    assert (execution.error, codes(deployment, "preflight")) == ("GaveUp", [2])
    assert deployment.clock.waits == []


def test_it_verifies_when_the_copy_has_caught_up_and_a_difference_leaves_services_running(source, deployment):
    table = f"{source.scenario.target_schema}.devices"

    def set_state(state):
        run(source, f"UPDATE stream_state SET state = '{state}'")
        return {}

    def spoil():
        source.until(lambda: not pending(source), "all is applied")
        run(source, f"UPDATE {table} SET firmware = CONCAT(firmware, ' ') ORDER BY id LIMIT 1")
        return {}

    Fates(deployment, status=[lambda: set_state("paused"), {}, lambda: set_state("running")], verify=[spoil])

    execution = deployment.execute("Load")

    run(source, f"UPDATE {table} SET firmware = TRIM(firmware) ORDER BY id LIMIT 1")
    assert codes(deployment, "status --max-lag") == [1, 1, 0]
    assert deployment.clock.waits == [60, 60]
    assert (execution.error, codes(deployment, "verify")) == ("AnswerIsNo", [1])
    assert all(child.process.poll() is None for child in deployment.children.running)
    assert len(deployment.children.running) == 3


def run(world, sql):
    with world.database.transaction() as session:
        session.execute(sql)


def pending(world):
    return sum(one.pending for one in ledger(world.database))
