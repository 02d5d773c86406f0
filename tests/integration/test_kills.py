"""A short part of the proof by kills at random moments, of which `make proof-bars` is the whole.

That of the cut-over stands beside its other tests.
"""

from itertools import islice

import pytest

from examples.health_devices.population import Sizes
from examples.health_devices.scenario import HealthDevices
from tests.integration.applying import applying
from tests.integration.reloading import reloading
from tests.proof import redrive_kills, reload_kills, verify_kills
from tests.proof.loaded import loaded

pytestmark = pytest.mark.servers


def test_a_verification_that_is_killed_at_random_moments_goes_on_and_ends_the_same(servers, tmp_path):
    with loaded(servers, HealthDevices(Sizes.of_users(30)), tmp_path) as world:
        world.load(islice(world.scenario.initial(), 2000))
        verify_kills.killed_and_resumed(world, tmp_path, kills=4, seed=1, damages=100, workers=(1,))


def test_a_redrive_that_is_killed_at_random_moments_beside_a_worker_ends_as_the_source_says(
    servers, tmp_path, credentials
):
    with applying(servers, tmp_path) as world:
        redrive_kills.killed_and_resumed(world, tmp_path, kills=4, seed=1, rows=300)


def test_a_reload_that_is_killed_at_random_moments_while_changes_arrive_ends_as_the_platform_says(
    servers, tmp_path, credentials
):
    with reloading(servers, tmp_path) as world:
        reload_kills.killed_and_resumed(world, tmp_path, kills=3, seed=1, keys=40)
