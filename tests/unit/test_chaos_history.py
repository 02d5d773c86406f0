"""Every way in which the history of an entity can be wrong has its name."""

from tests.chaos.history import History
from tests.chaos.row_log import Change

A, B = ("users", ("a",)), ("users", ("b",))


def history(*changes: tuple[tuple[str, tuple[object, ...]], int | None]) -> History:
    return History().fold(Change(*place, sequence) for place, sequence in changes)


def test_entities_that_only_go_forward_are_as_they_should_be():
    found = history((A, 5), (B, 3), (A, 9), (B, None), (B, 7))

    assert (found.backwards, found.twice) == ([], [])
    assert found.rows == {A: 9, B: 7}


def test_a_row_that_goes_back_is_named_even_where_it_goes_forward_again():
    found = history((A, 5), (A, 4), (A, 6))

    assert found.backwards == ["('users', ('a',)) went back from 5 to 4"]


def test_a_row_that_comes_again_older_than_it_was_before_it_was_deleted_goes_back():
    assert history((A, 5), (A, None), (A, 4)).backwards


def test_a_row_version_that_is_written_twice_is_named():
    assert history((A, 5), (A, None), (A, 5)).twice == ["('users', ('a',)) was written twice by 5"]


def test_an_effect_without_an_applied_row_is_named():
    found = history((A, 5), (A, 6))

    assert found.without_cause("users", {5}) == ["users was written by 6, which is no applied row"]
    assert found.without_cause("users", {5, 6}) == []


def test_a_history_that_does_not_end_with_what_the_tables_hold_is_named():
    found = history((A, 5), (B, 6))

    assert found.incomplete({A: 5, B: 6}) == []
    assert len(found.incomplete({A: 5})) == 1
    assert len(found.incomplete({A: 5, B: 7})) == 1
