"""A short part of the proof of corruptions: both examples, every kind, each found at its place and nothing else."""

from itertools import islice
from pathlib import Path

import pytest

from examples.flights.scenario import Flights
from examples.health_devices.population import Sizes
from examples.health_devices.scenario import HealthDevices
from migration_verifier.verify_assert import check_assertions
from migration_verifier.verify_run import open_checks
from tests.integration.verifying import found, verified
from tests.proof.corrupting import KINDS, corrupt
from tests.proof.loaded import loaded

pytestmark = pytest.mark.servers

EXAMPLES = {
    "health_devices": lambda: HealthDevices(Sizes.of_users(100)),
    "flights": lambda: Flights(Path(".stack/cache"), months=1),
}
_RECORDS = 7000
"""Enough for some of every table."""


def test_every_corruption_is_found_at_its_row_and_column_and_none_on_a_clean_copy(servers, tmp_path):
    done = set()
    for name, example in EXAMPLES.items():
        folder = tmp_path / name
        folder.mkdir()
        with loaded(servers, example(), folder) as world:
            world.load(islice(world.scenario.initial(), _RECORDS))
            assert verified(world).patterns == []
            assert broken_assertions(world) == set()

            damage = corrupt(world.database, world.mapping, 400, seed=1)

            assert found(world, verified(world)) == damage.places
            assert broken_assertions(world) == {*world_assertions(world)}
            done |= damage.kinds.keys()
    assert done == {kind.__name__ for kind in KINDS}


def broken_assertions(world):
    _, checks = open_checks(world.database, world.mapping_file)
    found = check_assertions(world.database, world.target, checks)
    return {one.name for one in found if one.disagreements}


def world_assertions(world):
    return [one.name for stream in world.mapping.streams.values() for one in stream.assertions]
