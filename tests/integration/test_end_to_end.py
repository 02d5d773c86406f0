"""Both examples from their source to a checked copy: snapshot beneath live changes, through the real programs."""

import pytest

from examples.flights import scenario as flights
from examples.health_devices import scenario as health_devices
from tests.integration.migrating import migrating

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


def test_health_devices(servers, tmp_path):
    with migrating(servers, health_devices.scenario(5000), tmp_path) as world:
        world.publish_initial()
        world.begin_writing(seconds=10)
        world.take_snapshot("--part-rows", "2000")
        world.start_services(workers=2)

        verdict = world.prove()

    assert verdict.rows_compared["measurements"] > 30_000
    assert not world.exits


def test_flights(servers, tmp_path):
    with migrating(servers, flights.scenario(months=1), tmp_path) as world:
        world.publish_initial()
        world.begin_writing(seconds=0)
        world.take_snapshot("--part-rows", "5000", "--compression", "gzip")
        world.start_services(workers=2)

        verdict = world.prove()

    assert verdict.rows_compared["flights"] > 25_000
    assert not world.exits
