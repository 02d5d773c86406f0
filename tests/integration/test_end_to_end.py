"""Both examples from their source to a checked copy, through the real programs as processes."""

import pytest

from examples.flights import scenario as flights
from examples.health_devices import scenario as health_devices
from tests.integration.migrating import migrating

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


def test_health_devices_through_the_stream_alone(servers, tmp_path):
    with migrating(servers, health_devices.scenario(500), tmp_path) as world:
        world.publish_initial()
        world.begin_without_snapshot()
        world.begin_writing(seconds=3)
        world.start_services(workers=2)

        verdict = world.prove()

    assert verdict.rows_compared["measurements"] > 3000


def test_flights_through_the_stream_alone(servers, tmp_path):
    with migrating(servers, flights.scenario(months=1), tmp_path) as world:
        world.publish_initial()
        world.begin_without_snapshot()
        world.begin_writing(seconds=0)
        world.start_services(workers=2)

        verdict = world.prove()

    assert verdict.rows_compared["flights"] > 25_000
