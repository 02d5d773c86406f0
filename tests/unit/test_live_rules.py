"""The rules of live control: shared rates, a busy target, and positions to stop at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import ConfigError
from migration_core.rate import granted
from migration_core.stops import as_json, of_json, parsed
from migration_core.target_health import Health, HealthLimit, throttled


@given(st.integers(1, 10_000), st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 5000)), max_size=50))
def test_no_more_is_granted_than_the_rate_and_one_second_of_what_was_not_used(rate, asks):
    tokens, passed, given_out = 0.0, 0, 0
    for elapsed, most in asks:
        rows, tokens = granted(tokens, elapsed, rate, most)
        passed += elapsed
        given_out += rows
        assert 0 <= rows <= most
    assert given_out <= rate + rate * passed / 1_000_000


def test_what_was_taken_too_much_is_waited_for():
    assert granted(-100, 1_000_000, 50, 10) == (0, -50)
    assert granted(-50, 2_000_000, 50, 10) == (10, 40)


def test_a_server_that_goes_back_in_time_grants_nothing_for_it():
    assert granted(5, -1_000_000, 50, 100) == (5, 0)


def test_only_what_is_above_its_limit_holds_back_and_all_of_it_is_named():
    limit = HealthLimit(threads_running=10, history_length=None, replica_lag_ms=500)

    assert throttled(Health(10, 10**9, None), limit) == ""
    assert throttled(Health(11, 10**9, 501), limit) == (
        "threads running 11 is above 10, replica lag in ms 501 is above 500"
    )


def test_positions_are_kept_as_they_were_written():
    stops = parsed(["legacy.users:0:1500", "a:b:1:0"])

    assert stops == {("legacy.users", 0): 1500, ("a:b", 1): 0}
    assert of_json(as_json(stops)) == stops


@pytest.mark.parametrize("text", ["", "users", "users:0", ":0:1", "users:x:1", "users:0:-1", "users:0:", "users:0:1.5"])
def test_what_is_no_position_is_refused_with_the_way_to_write_it(text):
    with pytest.raises(ConfigError, match="topic:partition:offset"):
        parsed([text])


def test_a_partition_named_twice_is_refused():
    with pytest.raises(ConfigError, match="twice"):
        parsed(["users:0:1", "users:0:2"])
