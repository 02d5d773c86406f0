"""The texts by which rows are told apart, without a server."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.canonical import canonical_table, digest, json_text
from migration_core.difference import change_pattern, shown
from tests.unit.mappings import column, needed, stream_of, table

MAPPING = """\
target_schema: shop
streams:
  users:
    topic: t
    key: $.id
    tables:
      users:
        key: id
        columns: {id: $.id, name: $.name, nick: $.nick}
        rest: more
"""
USERS = table("users", needed("id"), column("name"), column("nick"), column("more", "json"))
CANONICAL = canonical_table(stream_of(MAPPING, USERS).tables[0], USERS)

ROWS = [("a", "Ana", "x", '{"b":1}'), ("b", "Bob", "y", None)]


def digest_of(rows):
    return digest(CANONICAL.encode(rows))


@pytest.mark.parametrize(
    "other",
    [
        [("a", "Bob", "x", '{"b":1}'), ("b", "Ana", "y", None)],
        [("b", "Ana", "x", '{"b":1}'), ("a", "Bob", "y", None)],
        [("a", "x", "Ana", '{"b":1}'), ("b", "Bob", "y", None)],
        [("a", "Ana", None, '{"b":1}'), ("b", "Bob", "y", None)],
        [("a", "Ana", "", '{"b":1}'), ("b", "Bob", "y", None)],
        [("a", "Ana", "x", '{"b":2}'), ("b", "Bob", "y", None)],
        [("a", "Ana", "x", None), ("b", "Bob", "y", '{"b":1}')],
        [("a", "Ana", "x", '{"b":1}')],
    ],
)
def test_rows_of_other_values_have_another_digest(other):
    assert digest_of(other) != digest_of(ROWS)


def test_neither_the_order_of_rows_nor_that_of_json_members_matters():
    assert digest_of(ROWS[::-1]) == digest_of(ROWS)
    assert json_text('{"bb":1,"a":{"d":2,"c":3}}') == json_text('{ "a": {"c": 3, "d": 2}, "bb": 1}')


def test_rows_that_swap_values_of_one_length_have_another_digest():
    """A linear checksum would take every such swap for no change at all."""
    names = [f"{number:08d}" for number in range(200)]
    rows = [(name, name, name, None) for name in names]

    for (n, one), (m, other) in pairwise(enumerate(rows)):
        swapped = list(rows)
        swapped[n], swapped[m] = (one[0], other[1], one[2], None), (other[0], one[1], other[2], None)
        assert digest_of(swapped) != digest_of(rows)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a":1}', '{"a": 1.0}', True),
        ('{"a":1e2}', '{"a": 100.0}', True),
        ('{"a":true}', '{"a": 1}', False),
        ('{"a":"1"}', '{"a": 1}', False),
        ('{"a":null}', "{}", False),
        ("[1,2]", "[2, 1]", False),
    ],
)
def test_json_is_compared_by_what_it_says(one, other, same):
    assert CANONICAL.same[3](one, other) is same


@given(st.text(max_size=8), st.text(max_size=8))
def test_texts_are_equal_only_when_they_are_the_same(one, other):
    assert CANONICAL.same[1](one, other) is (one == other)


@pytest.mark.parametrize(
    ("expected", "actual", "pattern"),
    [
        (None, "x", "NULL became string 1 a"),
        ("x", None, "string 1 a became NULL"),
        ("x", "", "emptied"),
        ("x", "x ", "blanks at the end"),
        (" x", "x", "blanks around"),
        ("Ana", "ANA", "upper and lower case"),
        ("Ana", "An", "cut short"),
        ("7", "8", "another whole number"),
        ("1.25", "1.3", "rounded"),
        ("1.25", "7.5", "another number"),
        ("Ana", "Bob9", "string 2..4 Aa became string 2..4 Aa9"),
    ],
)
def test_what_happened_to_a_value_has_one_name_for_all_values(expected, actual, pattern):
    assert change_pattern(expected, actual) == pattern


def test_a_value_is_shown_only_where_its_column_is_public():
    assert shown("Ana", public=False) == "string 2..4 Aa"
    assert shown("Ana", public=True) == "Ana"
    assert shown(None, public=False) is None
