"""Lanes are rung at once, busy ones at most once a second, and no ring is forgotten."""

from hypothesis import example, given
from hypothesis import strategies as st

from db.ingest import TouchedLane
from migration_core.doorbell import Doorbell
from migration_master.ringer import Ringer
from migration_master.ringing import BUSY_SECONDS, Ringing


def lane(number: int = 0, *, head: int, rows: int = 1, backlog: int = 1) -> TouchedLane:
    return TouchedLane("users", number, rows, head, backlog)


def test_a_lane_that_has_only_these_rows_is_rung_at_once_every_time():
    ringing = Ringing()

    assert ringing.due([lane(head=1)], 5.0) == [Doorbell("users", 0, 1)]
    assert ringing.due([lane(head=2)], 5.001) == [Doorbell("users", 0, 2)]


def test_a_lane_that_is_behind_already_is_rung_once_a_second():
    ringing = Ringing()
    rung = [ringing.due([lane(head=head, backlog=100)], head / 10) for head in range(25)]

    assert [bells[0].head for bells in rung if bells] == [0, 10, 20]


def test_a_ring_that_was_held_back_comes_when_its_second_is_over():
    ringing = Ringing()
    ringing.due([lane(head=1, backlog=100)], 5.0)
    ringing.due([lane(head=2, backlog=101)], 5.5)

    assert ringing.wait(5.5) == BUSY_SECONDS / 2
    assert ringing.due([], 5.9) == []
    assert ringing.due([], 6.0) == [Doorbell("users", 0, 2)]
    assert ringing.wait(6.0) is None


def test_of_lanes_that_only_have_these_rows_one_is_rung_at_once_and_the_others_within_their_second():
    ringing = Ringing()
    ringing.due([lane(0, head=1), lane(1, head=2), lane(2, head=3)], 5.0)
    ringing.due([lane(1, head=4)], 5.1)

    rung = [ringing.due([lane(0, head=7), lane(1, head=6), lane(2, head=5)], 5.2), ringing.due([], 6.0)]

    assert rung == [[Doorbell("users", 0, 7)], [Doorbell("users", 2, 5)]]
    assert ringing.due([], 6.1) == [Doorbell("users", 1, 6)]


def test_a_lane_that_wakes_nobody_since_it_is_behind_does_not_stand_in_for_one_that_does():
    ringing = Ringing()
    ringing.due([lane(0, head=1, backlog=100)], 5.0)
    ringing.due([lane(1, head=2)], 5.5)

    rung = ringing.due([lane(0, head=3, backlog=100), lane(1, head=4)], 6.0)

    assert rung == [Doorbell("users", 0, 3), Doorbell("users", 1, 4)]


def test_a_busy_lane_does_not_hold_another_back():
    ringing = Ringing()
    ringing.due([lane(0, head=1, backlog=100)], 5.0)

    assert ringing.due([lane(0, head=2, backlog=100), lane(1, head=9)], 5.1) == [Doorbell("users", 1, 9)]


@example([(0, 1, 0.5), (0, 1, 0.5), (0, 1, 0.2937508345093864), (0, 2, 0.0)])  # seconds do not add up exactly
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50), st.floats(0, 0.7)), min_size=1))
def test_the_newest_head_of_every_lane_is_rung_in_the_end(steps):
    ringing, now, heads, rung = Ringing(), 0.0, {}, {}
    for head, (number, backlog, pause) in enumerate(steps):
        now += pause
        heads[number] = head
        rung |= {bell.lane: bell.head for bell in ringing.due([lane(number, head=head, backlog=backlog)], now)}

    rung |= {bell.lane: bell.head for bell in ringing.due([], now + BUSY_SECONDS)}

    assert rung == heads


def test_lanes_gather_while_a_request_is_under_way():
    sent: list[list[Doorbell]] = []
    ringer = Ringer(lambda bells: sent.append(list(bells)), clock=lambda: 0.0)

    ringer.touched([lane(0, head=1), lane(1, head=2)])
    ringer.touched([lane(0, head=3, rows=2, backlog=3)])
    ringer.start()
    ringer.close()

    assert sent == [[Doorbell("users", 0, 3), Doorbell("users", 1, 2)]]
