"""The audit's rules: what counts as a difference, a fall and a gap."""

from hypothesis import given
from hypothesis import strategies as st

from migration_core.audit import (
    Fall,
    Gap,
    Kind,
    LaneCounts,
    Numbered,
    Rewind,
    differences,
    gap_at_the_end,
    gaps,
    unexcused,
)
from migration_core.sequence import pack, snapshot_number
from migration_verifier.audit import FEWEST_ROWS, MOST_ROWS, rows_after

STREAM, PART_1, PART_2 = 1, 11, 12
PARTS = {PART_1: 3, PART_2: 2}


def streamed(number: int, generation: int = 2) -> Numbered:
    return Numbered(pack(generation, number), STREAM, 100 + number)


def line(part: int, number: int) -> Numbered:
    return Numbered(pack(1, snapshot_number(part, number)), {1: PART_1, 2: PART_2}[part], number)


def whole() -> list[Numbered]:
    lines = [line(1, 1), line(1, 2), line(1, 3), line(2, 1), line(2, 2)]
    return [*lines, *(streamed(number) for number in range(5))]


def test_a_look_that_took_long_is_followed_by_a_shorter_one_within_bounds():
    assert rows_after(MOST_ROWS, 1.5) == MOST_ROWS // 2
    assert rows_after(MOST_ROWS // 2, 0.2) == MOST_ROWS
    assert rows_after(MOST_ROWS, 0.2) == MOST_ROWS
    assert rows_after(FEWEST_ROWS, 9) == FEWEST_ROWS


def test_counts_that_agree_have_no_difference_and_others_are_named_with_their_sign():
    counters = LaneCounts(received=10, done=8, parked=1, rejected=2, parked_keys=1)
    rows = LaneCounts(received=9, done=8, parked=1, rejected=3, parked_keys=1)

    assert differences(counters, counters) == {}
    assert differences(rows, counters) == {Kind.RECEIVED: -1, Kind.REJECTED: 1}


def test_what_could_not_be_counted_is_no_difference():
    counters = LaneCounts(received=10, done=8, parked=1, rejected=2, parked_keys=1)

    assert differences(LaneCounts(None, 8, 1, 2, 1), counters) == {}


def test_a_fall_is_excused_only_by_a_rewind_of_its_own_source_that_it_crosses():
    fall = Fall(sequence=7, source_id=1, before=50, offset=0)

    assert unexcused([fall], [Rewind(1, from_offset=51, to_offset=0)]) == []
    assert unexcused([fall], [Rewind(2, from_offset=51, to_offset=0)]) == [fall]
    assert unexcused([fall], [Rewind(1, from_offset=50, to_offset=0)]) == [fall]
    assert unexcused([fall], [Rewind(1, from_offset=51, to_offset=1)]) == [fall]


def test_a_stream_without_holes_has_no_gap_across_parts_and_generations():
    assert gaps(None, whole(), PARTS) == []
    assert gap_at_the_end(whole()[-1], pack(2, 5), PARTS) == []


@given(st.sets(st.integers(0, 9), min_size=1))
def test_every_row_that_is_taken_out_is_found_and_no_other_unless_a_whole_part_is_gone(taken):
    rows = whole()
    left = [row for place, row in enumerate(rows) if place not in taken]
    if not left or {3, 4} <= taken or {0, 1, 2} <= taken:
        return  # the ledger by part names those

    found = gaps(None, left, PARTS)
    if left[-1].source_id == STREAM:
        found += gap_at_the_end(left[-1], pack(2, 5), PARTS)
        expected = taken
    else:
        found += gap_at_the_end(left[-1], pack(2, 5), PARTS)
        expected = {place for place in taken if place < 5}

    missing = {sequence for gap in found for sequence in range(gap.from_sequence, gap.to_sequence + 1)}
    assert missing == {rows[place].sequence for place in expected}


def test_a_gap_says_between_which_rows_it_lies():
    (gap,) = gaps(streamed(1), [streamed(4)], PARTS)

    assert gap == Gap(pack(2, 2), pack(2, 3), streamed(1), streamed(4))
    assert gap.rows == 2
