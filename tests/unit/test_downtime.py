"""The expected downtime, before the night."""

from datetime import UTC, datetime, timedelta

from db.measurements import Moment, rates
from migration_core.cutover import CutoverStep
from migration_core.downtime import downtime, slow_rate, total


def measured(second, done, pending):
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    return Moment(at, done, 0, pending, None)


def test_the_drain_is_the_lag_at_the_measured_rate_and_the_rest_as_it_last_took():
    found = downtime(5_000, 500.0, {"freeze": 3.0, "switch": 7.0}, 300.0)

    by_step = {one.step: one.seconds for one in found}
    assert by_step[CutoverStep.DRAIN] == 10
    assert by_step[CutoverStep.APPROVAL] == 300
    assert (by_step[CutoverStep.FREEZE], by_step[CutoverStep.VERIFY]) == (3, None)
    assert total(found) == 320


def test_without_measurements_nothing_is_made_up():
    found = downtime(5_000, slow_rate([]), {}, 0.0)

    assert [one.step for one in found if one.seconds is not None] == [CutoverStep.APPROVAL]


def test_a_rate_counts_only_where_there_was_work():
    found = [measured(0, 0, 1_000), measured(30, 360, 640), measured(60, 1_000, 0), measured(90, 1_000, 0)]

    assert rates(found) == [12.0]


def test_the_estimate_takes_a_rate_that_most_samples_reached():
    assert slow_rate([100.0, 10.0, 90.0, 80.0, 95.0]) == 80
