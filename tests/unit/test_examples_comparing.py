"""The comparer finds every kind of difference, and none where there is none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.comparing import Verdict, differences
from examples.scenario import ExpectedTable

TABLE = ExpectedTable("users", "users", ("id", "name", "extra"), ("id",), json_columns=frozenset({"extra"}))

rows = st.dictionaries(st.integers(0, 20), st.tuples(st.sampled_from("ab"), st.none())).map(
    lambda found: [(key, *rest) for key, rest in sorted(found.items())]
)


@given(rows, rows)
def test_it_names_exactly_the_rows_in_which_two_tables_differ(expected, actual):
    left, right = {row[0]: row for row in expected}, {row[0]: row for row in actual}
    wanted = {
        *((Verdict.MISSING, (key,)) for key in left.keys() - right.keys()),
        *((Verdict.UNEXPECTED, (key,)) for key in right.keys() - left.keys()),
        *((Verdict.DIFFERENT, (key,)) for key in left.keys() & right.keys() if left[key] != right[key]),
    }

    found = list(differences(TABLE, expected, actual))

    assert [(difference.verdict, difference.key) for difference in found] == sorted(
        ((verdict, key) for verdict, key in wanted), key=lambda difference: difference[1]
    )


def test_json_is_compared_as_json_and_numbers_in_it_as_numbers():
    expected = [(1, "a", {"x": Decimal("1.50"), "y": [True, None]})]

    assert list(differences(TABLE, expected, [(1, "a", '{"y": [true, null], "x": 1.5}')])) == []
    (difference,) = differences(TABLE, expected, [(1, "a", '{"y": [true, null], "x": 1.51}')])
    assert (difference.column, difference.key) == ("extra", (1,))


def test_null_and_the_json_word_null_are_not_the_same():
    (difference,) = differences(TABLE, [(1, "a", {"x": None})], [(1, "a", None)])

    assert difference.actual is None


def test_a_difference_reads_as_a_sentence():
    (difference,) = differences(TABLE, [(1, "a", None)], [(1, "b", None)])

    assert str(difference) == "users (1,): name is 'b', should be 'a'"


@pytest.mark.parametrize("keys", [[2, 1], [1, 1]])
def test_rows_out_of_key_order_are_an_error_and_not_a_difference(keys):
    with pytest.raises(ValueError, match="not in key order"):
        list(differences(TABLE, [], [(key, "a", None) for key in keys]))
