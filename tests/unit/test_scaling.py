"""The deployed scaling policy in every scenario, and policies that break each of its promises."""

import re
from dataclasses import replace
from functools import cache

import pytest

from deploy.scaling.formula import value_of
from deploy.scaling.model import simulate
from deploy.scaling.page import (
    PAGE,
    PICTURE,
    ROOT,
    ROWS_PER_WORKER,
    SERVER_MICROSECONDS,
    page,
    picture,
    the_policy,
    the_world,
)
from deploy.scaling.policy import Measured
from deploy.scaling.promises import judged
from deploy.scaling.stories import (
    BURSTS,
    EVERY,
    LOADED_A_SECOND,
    PAUSED,
    SPOT,
    STEADY,
    UNSEEN,
)
from deploy.scaling.tracking import Decision, ScaleIn, decided

POLICY, WORLD = the_policy(), the_world()
BACKLOG_ALONE = replace(
    POLICY,
    metrics={
        "waiting": Measured("migration_waiting_rows", "Maximum"),
        "tasks": Measured("RunningTaskCount", "Average"),
    },
    expression="waiting / FILL(tasks, 1)",
    target=20_000,
    out_cooldown=60,
)
"""Of the backlog alone, as queues are usually scaled."""


def renamed(metric, instead):
    return {key: replace(one, name=instead) if one.name == metric else one for key, one in POLICY.metrics.items()}


@cache
def broken(policy_key, scenario, world):
    policy = POLICIES[policy_key]
    return tuple(judged(policy, simulate(policy, scenario, world), world).broken(POLICY, scenario))


POLICIES = {
    "deployed": POLICY,
    "backlog alone": BACKLOG_ALONE,
    "slow": replace(POLICY, expression=POLICY.expression.replace("500000", "500000000").replace("480000", "48000000")),
    "too many": replace(POLICY, most=12),
    "dear": replace(POLICY, expression=POLICY.expression.replace("480000", "30000")),
    "held rows too": replace(POLICY, metrics=renamed("migration_waiting_rows", "migration_backlog_rows")),
    "running tasks": replace(POLICY, metrics=renamed("DesiredTaskCount", "RunningTaskCount"), out_cooldown=60),
    "unseen is none": replace(POLICY, expression=POLICY.expression.replace("waiting", "FILL(waiting, 0)")),
}


@pytest.mark.parametrize("scale_in", ScaleIn)
@pytest.mark.parametrize("scenario", EVERY, ids=[one.name for one in EVERY])
def test_the_deployed_policy_keeps_every_promise(scenario, scale_in):
    for look_at in (17, 46):
        assert broken("deployed", scenario, replace(WORLD, scale_in=scale_in, look_at=look_at)) == ()


@pytest.mark.parametrize(
    ("policy", "scenario", "told"),
    [
        ("slow", BURSTS, "starves"),
        ("backlog alone", STEADY, "flaps"),
        ("too many", BURSTS, "more than the most"),
        ("dear", STEADY, "costs too much"),
        ("held rows too", PAUSED, "calls workers for rows that none may take"),
    ],
)
def test_a_policy_that_breaks_a_promise_is_found_out(policy, scenario, told):
    assert told in broken(policy, scenario, WORLD)


def test_workers_are_removed_unseen_where_no_data_count_as_no_work():
    long_away = replace(UNSEEN, unseen=((1.2 * 3600, 1.8 * 3600),), arriving=((0, 15_000),))
    blind = POLICIES["unseen is none"]

    assert judged(blind, simulate(blind, long_away, WORLD), WORLD).blind_cuts
    assert not judged(POLICY, simulate(POLICY, long_away, WORLD), WORLD).blind_cuts


def test_interrupted_tasks_do_not_make_the_load_look_larger():
    """Where running tasks divide it, those that lack Spot capacity are asked for twice."""
    calm = replace(SPOT, arriving=((0, 14_000),), without_spot=((3600, 4800),))
    wanted = {
        name: max(one.desired for one in simulate(POLICIES[name], calm, WORLD).samples if 3600 < one.at < 3600 + 360)
        for name in ("deployed", "running tasks")
    }

    assert wanted["deployed"] < wanted["running tasks"]


def test_a_scale_out_that_cools_down_acts_again_only_where_it_would_add_more():
    first = decided(POLICY, Decision(1, 1), [3.0] * 3, 1000, ScaleIn.AT_ONCE)

    assert first.desired == 3
    assert decided(POLICY, first, [3.0] * 3, 1060, ScaleIn.AT_ONCE) == first
    assert decided(POLICY, first, [5.0] * 3, 1060, ScaleIn.AT_ONCE).desired == 5
    assert decided(POLICY, first, [3.0] * 3, 1000 + POLICY.out_cooldown, ScaleIn.AT_ONCE).desired == POLICY.most


def test_nothing_is_scaled_without_enough_data():
    last = Decision(4, 4)

    assert decided(POLICY, last, [None, None, None, 9.0, 9.0], 1000, ScaleIn.AT_ONCE) == last
    assert decided(POLICY, last, [0.1] * 14, 1000, ScaleIn.AT_ONCE) == last
    assert decided(POLICY, last, [0.1] * 15, 1000, ScaleIn.AT_ONCE).desired == 1
    assert decided(POLICY, last, [0.1] * 15, 1000, ScaleIn.ONE_BY_ONE).desired == 3


def test_removing_tasks_never_asks_the_others_for_more_than_the_target():
    assert decided(POLICY, Decision(2, 2), [0.87] * 15, 1000, ScaleIn.ONE_BY_ONE).desired == 2


def test_metric_math_has_no_data_point_where_a_part_is_missing():
    assert value_of("(a / 2 + FILL(b, 0)) / c", {"a": 4, "b": None, "c": 1}) == 2
    assert value_of("a / c", {"a": None, "c": 1}) is None
    assert value_of("a / c", {"a": 1, "c": 0}) is None
    with pytest.raises(ValueError, match="does not know"):
        value_of("ANOMALY_DETECTION_BAND(a)", {"a": 1})


def test_the_model_takes_no_better_rates_than_the_benchmarks_have():
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    [loaded] = re.findall(r"a, 1,000,000 rows \| ([\d,]+)/s", text)
    [applied] = re.findall(r"b, 1,000,000 on new keys \| ([\d,]+)/s", text)
    [microseconds] = re.findall(r"in master and worker and (\d+) µs in MySQL", text)

    assert int(loaded.replace(",", "")) >= LOADED_A_SECOND
    assert int(applied.replace(",", "")) / 2 >= ROWS_PER_WORKER
    assert int(microseconds) <= SERVER_MICROSECONDS


def test_the_page_and_its_picture_are_current():
    """`python -m deploy.scaling` writes both anew."""
    assert PICTURE.read_text(encoding="utf-8") == picture()
    assert PAGE.read_text(encoding="utf-8") == page()
