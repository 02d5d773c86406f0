"""How many rejects are too many: a share of the last rows, or so many in a row."""

from hypothesis import given
from hypothesis import strategies as st

from migration_core.breaker import BreakerLimit, RejectWindow, looked_at

LIMIT = BreakerLimit(share_percent=5, of_rows=100, in_a_row=20)


def after(window: RejectWindow, limit: BreakerLimit, *batches: list[bool | None], good_between: int = 0):
    done, said = window.seen, ""
    for rows in batches:
        before = done + good_between
        done = before + len(rows)
        window, said = looked_at(window, limit, rows, before=before, after=done)
    return window, said


def test_rejects_in_a_row_are_counted_over_transactions():
    assert after(RejectWindow(), LIMIT, [True] * 19)[1] == ""
    assert "20 rows in a row" in after(RejectWindow(), LIMIT, [False] + [True] * 10, [True] * 10)[1]


def test_good_rows_of_transactions_that_were_not_looked_at_break_the_row():
    assert after(RejectWindow(), LIMIT, [True] * 10, [True] * 10, good_between=1)[1] == ""


def test_rows_that_count_as_neither_neither_break_the_row_nor_lengthen_it():
    window, said = after(RejectWindow(), LIMIT, [True] * 10 + [None] * 50 + [True] * 9)

    assert (window.run, said) == (19, "")


def test_the_share_is_looked_at_only_when_there_are_enough_rows():
    limit = BreakerLimit(share_percent=5, of_rows=100, in_a_row=None)
    assert after(RejectWindow(), limit, [True] * 99)[1] == ""
    assert "100 of the last 100 rows" in after(RejectWindow(), limit, [True] * 100)[1]
    assert after(RejectWindow(), limit, [True] * 5 + [False] * 95)[1] == ""
    assert after(RejectWindow(), limit, [True] * 6 + [False] * 94)[1] != ""


def test_a_long_good_past_does_not_hide_a_bad_present():
    _, said = looked_at(
        RejectWindow(seen=0), LIMIT, [False] + [True] * 19 + [False] * 80, before=10**9, after=10**9 + 100
    )

    assert "19 of the last 100 rows" in said


@given(st.lists(st.lists(st.sampled_from([True, False, None]), max_size=30), max_size=20))
def test_without_limits_nothing_ever_pauses(batches):
    limit = BreakerLimit(share_percent=None, of_rows=1, in_a_row=None)

    assert after(RejectWindow(), limit, *batches)[1] == ""
