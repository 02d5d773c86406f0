"""What the reader forces, what it refuses, and that the environment's own list agrees with it."""

import pytest

from kafka_log import settings
from migration_core.errors import ConfigError
from runtime import kafka_env

GIVEN = {"bootstrap.servers": "broker:9092", "sasl.password": "secret"}


@pytest.mark.parametrize("name", sorted(settings.FORCED))
def test_what_carries_the_guarantee_is_refused_from_outside(name):
    with pytest.raises(ConfigError, match=name):
        settings.reading(GIVEN | {name: settings.FORCED[name]})


def test_the_environment_refuses_at_least_those_that_users_know_by_name():
    assert settings.FORCED.keys() >= kafka_env.GUARANTEE


def test_the_user_may_change_what_only_concerns_speed():
    assert settings.reading(GIVEN | {"fetch.wait.max.ms": "7"})["fetch.wait.max.ms"] == "7"


def test_other_clients_get_the_connection_and_nothing_of_a_consumer():
    found = settings.connecting(GIVEN | {"fetch.wait.max.ms": "7", "group.id": "mine"})

    assert found.keys() == {"bootstrap.servers", "sasl.password", "logger", "error_cb"}
