"""The state machine of statistics, executed as it is deployed: its task is the real command on a real server."""

import pytest

from db.named_lock import alone
from examples.health_devices.counted import active_devices
from migration_core.steps import Step
from tests.asl.deployment import KILLED, Deployment, killed_at, local_values
from tests.asl.here import TEMPLATE
from tests.integration.fleet import as_new, document

pytestmark = pytest.mark.servers

NAMED = {"name": "active_devices"}


@pytest.fixture
def world(shared_fleet):
    as_new(shared_fleet)
    shared_fleet.images(*map(document, range(20)))
    return shared_fleet


@pytest.fixture
def deployment(world, tmp_path):
    found = Deployment(TEMPLATE, local_values(world.url, world.environment()), tmp_path, tmp_path / "tasks")
    yield found
    found.stop()


def codes(deployment):
    return [one.code for one in deployment.ran]


def test_a_run_that_is_killed_is_tried_again_and_goes_on_where_it_was(world, deployment):
    fates = [killed_at(Step.STATISTIC_SWAPPED), killed_at(Step.STATISTIC_COMMITTED)]
    deployment.at_task = lambda _task, _words: fates.pop() if fates else {}

    execution = deployment.execute("Statistics", NAMED)

    assert (execution.error, codes(deployment)) == (None, [KILLED, KILLED, 0])
    assert deployment.ran[-1].words == ("migration_cli", "statistics", "run", "active_devices")
    assert deployment.clock.waits == [30, 120]
    assert world.active() == active_devices(world.model)


def test_a_run_beside_another_is_waited_for_and_given_up_before_the_next_is_due(world, deployment):
    with alone(world.database, "statistics run active_devices"):
        execution = deployment.execute("Statistics", NAMED)

    assert (execution.error, execution.cause) == ("GaveUp", "statistic active_devices did not come to its end")
    assert codes(deployment) == [75] * 3
    assert sum(deployment.clock.waits) < 600


def test_a_statistic_that_the_mapping_does_not_know_is_given_up_at_once(deployment):
    execution = deployment.execute("Statistics", {"name": "active_device"})

    assert (execution.error, codes(deployment), deployment.clock.waits) == ("GaveUp", [2], [])
