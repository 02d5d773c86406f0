"""A worker is woken at once, busy lanes are rung at most once a second, and no ring is forgotten that is needed."""

from hypothesis import example, given
from hypothesis import strategies as st

from db.ingest import TouchedLane
from migration_core.doorbell import AWAKE_SECONDS, Doorbell
from migration_master.ringer import Ringer
from migration_master.ringing import BUSY_SECONDS, WOKEN_SECONDS, Ringing


def lane(number: int = 0, *, head: int, rows: int = 1, backlog: int = 1) -> TouchedLane:
    return TouchedLane("users", number, rows, head, backlog)


def all_wait(lanes):
    return lanes


def none_waits(_lanes):
    return ()


def test_a_lane_that_has_only_these_rows_is_rung_at_once_and_again_when_nobody_was_woken_lately():
    ringing = Ringing()

    assert ringing.due([lane(head=1)], 5.0, none_waits) == [Doorbell("users", 0, 1)]
    assert ringing.due([lane(head=2)], 5.0 + WOKEN_SECONDS / 2, none_waits) == []
    assert ringing.due([lane(head=3)], 5.0 + WOKEN_SECONDS, none_waits) == [Doorbell("users", 0, 3)]


def test_the_worker_is_awake_for_longer_than_nobody_is_woken():
    assert WOKEN_SECONDS < AWAKE_SECONDS


def test_a_lane_that_is_behind_already_is_rung_once_a_second():
    ringing = Ringing()
    rung = [ringing.due([lane(head=head, backlog=100)], head / 10, none_waits) for head in range(25)]

    assert [bells[0].head for bells in rung if bells] == [0, 10, 20]


def test_a_ring_that_was_held_back_comes_when_its_second_is_over_and_nobody_has_served_it():
    ringing = Ringing()
    ringing.due([lane(head=1, backlog=100)], 5.0, all_wait)
    ringing.due([lane(head=2, backlog=101)], 5.5, all_wait)

    assert ringing.wait() == 5.0 + BUSY_SECONDS
    assert ringing.due([], 5.9, all_wait) == []
    assert ringing.due([], 6.0, all_wait) == [Doorbell("users", 0, 2)]
    assert ringing.wait() is None


def test_a_ring_that_was_held_back_is_dropped_when_the_lane_is_served():
    ringing = Ringing()
    ringing.due([lane(head=1)], 5.0, none_waits)
    ringing.due([lane(head=2)], 5.05, none_waits)

    assert ringing.due([], 6.1, none_waits) == []
    assert ringing.wait() is None


def test_only_lanes_that_were_held_back_long_enough_are_asked_for():
    ringing, asked = Ringing(), []
    ringing.due([lane(0, head=1), lane(1, head=2)], 5.0, none_waits)
    ringing.due([lane(0, head=3)], 5.97, none_waits)
    ringing.due([lane(1, head=4)], 5.98, none_waits)

    ringing.due([], 6.0, lambda lanes: asked.append(set(lanes)) or ())
    ringing.due([], 6.09, lambda lanes: asked.append(set(lanes)) or ())

    assert asked == [{("users", 1)}]


def test_of_lanes_that_only_have_these_rows_the_one_that_rang_longest_ago_wakes_a_worker():
    ringing = Ringing()
    ringing.due([lane(0, head=1)], 5.0, none_waits)
    ringing.due([lane(1, head=2)], 5.1, none_waits)

    assert ringing.due([lane(1, head=4), lane(0, head=3)], 5.5, none_waits) == [Doorbell("users", 0, 3)]


def test_a_lane_that_wakes_nobody_since_it_is_behind_does_not_stand_in_for_one_that_does():
    ringing = Ringing()
    ringing.due([lane(0, head=1, backlog=100)], 5.0, none_waits)
    ringing.due([lane(1, head=2)], 5.5, none_waits)

    rung = ringing.due([lane(0, head=3, backlog=100), lane(1, head=4)], 6.0, none_waits)

    assert rung == [Doorbell("users", 0, 3), Doorbell("users", 1, 4)]


def test_a_busy_lane_does_not_hold_another_back():
    ringing = Ringing()
    ringing.due([lane(0, head=1, backlog=100)], 5.0, none_waits)

    rung = ringing.due([lane(0, head=2, backlog=100), lane(1, head=9)], 5.1, none_waits)

    assert rung == [Doorbell("users", 1, 9)]


def test_a_lane_that_was_served_before_its_new_rows_are_spoken_of_needs_nobody():
    ringing = Ringing()
    ringing.due([lane(0, head=1)], 5.0, none_waits)
    ringing.due([lane(0, head=2)], 5.05, none_waits)

    assert ringing.due([lane(0, head=3)], 6.1, none_waits) == []


LANES = st.integers(0, 3)
STEPS = st.tuples(st.sets(LANES), st.integers(1, 50), st.floats(0, 1.5), st.sets(LANES))
"""Lanes with new rows, how many rows wait in each, the pause before, and the lanes that are served meanwhile."""


# Seconds do not add up exactly.
@example([({0}, 1, 0.5, set()), ({0}, 1, 0.5, set()), ({0}, 1, 0.2937508345093864, set()), ({0}, 2, 0.0, set())])
@example([({0}, 1, 0.5, set()), ({0}, 1, 0.05, set()), ({0}, 1, 1.1, {0})])
@given(st.lists(STEPS, min_size=1))
def test_the_newest_head_of_every_lane_that_nobody_serves_is_rung_in_the_end(steps):
    ringing, now, heads, done = Ringing(), 0.0, {}, {}

    def waiting(lanes):
        return [place for place in lanes if done.get(place[1], -1) < heads[place[1]]]

    for head, (touched, backlog, pause, served) in enumerate(steps):
        now += pause
        heads |= dict.fromkeys(touched, head)
        done |= {number: heads[number] for number in served if number in heads}
        bells = ringing.due([lane(number, head=head, backlog=backlog) for number in touched], now, waiting)
        done |= {bell.lane: max(bell.head, done.get(bell.lane, -1)) for bell in bells}
    done |= {bell.lane: bell.head for bell in ringing.due([], now + BUSY_SECONDS, waiting)}

    assert done == heads
    assert ringing.wait() is None


def test_lanes_gather_while_a_request_is_under_way():
    sent: list[list[Doorbell]] = []
    ringer = Ringer(lambda bells: sent.append(list(bells)), none_waits, clock=lambda: 0.0)

    ringer.touched([lane(0, head=1), lane(1, head=2)])
    ringer.touched([lane(0, head=3, rows=2, backlog=3)])
    ringer.start()
    ringer.close()

    assert sent == [[Doorbell("users", 0, 3), Doorbell("users", 1, 2)]]
