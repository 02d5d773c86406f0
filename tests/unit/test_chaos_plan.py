"""A seed is a plan, and a plan kills everybody."""

from collections import Counter

from migration_core.steps import Step
from tests.chaos.failpoints import NEVER_FAILS
from tests.chaos.plan import LOADER, MASTER, SERVERS, STEPS, VERIFIER, WORKER, Act, Size, plan_of


def test_the_same_seed_gives_the_same_plan_and_another_one_another():
    assert plan_of(7, Size()) == plan_of(7, Size())
    assert plan_of(7, Size()) != plan_of(8, Size())


def test_a_plan_holds_every_act_as_often_as_its_size_says():
    size = Size(acts=((Act("purge"), 2), (Act("kill", MASTER), 3)))

    found = Counter(act for acts in plan_of(1, size).ticks for act in acts)

    assert found == {Act("purge"): 2, Act("kill", MASTER): 3}


def test_few_rounds_deal_every_step_of_every_role():
    dealt = {
        fate.step for seed in range(20) for fates in plan_of(seed, Size()).fates.values() for fate in fates if fate
    }

    assert dealt == {step for steps in STEPS.values() for step in steps}


def test_each_program_of_the_rounds_dies_at_steps_of_its_own():
    assert {step.partition(".")[0] for step in STEPS[WORKER]} == {"worker", "sweeper"}
    assert STEPS[VERIFIER] == (Step.AUDIT_LOOKED, Step.AUDIT_WRITTEN, Step.AUDIT_COMMITTED)
    assert Step.LOADER_RUNG in STEPS[LOADER]


def test_no_more_than_two_workers_in_a_row_are_told_to_die_so_that_no_row_looks_like_poison():
    for seed in range(20):
        fates = plan_of(seed, Size()).fates[WORKER]
        for three in zip(fates, fates[1:], fates[2:], strict=False):
            assert None in three


def test_a_round_kills_each_server():
    acts = {act for acts in plan_of(1, Size()).ticks for act in acts}

    assert {Act("kill server", name) for name in SERVERS} <= acts


def test_errors_are_raised_only_where_something_may_fail():
    points = [
        fate
        for seed in range(100)
        for fates in plan_of(seed, Size()).fates.values()
        for fate in fates
        if fate and fate.act == "raise"
    ]

    assert points
    assert not {point.step for point in points} & NEVER_FAILS
