"""Documents counted by their own members, against the numbers of a query."""

import re
from decimal import Decimal

import pytest

from migration_core.assertion import Disagreement, Tally
from migration_core.errors import ConfigError
from migration_core.mapping import Assertion, load_mapping
from tests.unit.mappings import SIMPLE, USERS, stream_of

DOCUMENTS = [
    {"id": "a", "country": "de", "weight": Decimal("1.5"), "devices": [{"model": "x"}, {"model": "y"}]},
    {"id": "b", "country": "DE", "weight": 2, "devices": [{"model": "x"}]},
    {"id": "c", "weight": None},
]


def disagreements(rows, **asked):
    tally = Tally(Assertion("one", "SELECT", **({"each": None, "by": None, "sum": None} | asked)))
    for document in DOCUMENTS:
        tally.add(document)
    return tally.disagreements(rows)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({}, [(3,)]),
        ({"sum": ("weight",)}, [(Decimal("3.50"),)]),
        ({"by": ("country",)}, [("de", 1), (b"DE", 1), (None, 1)]),
        ({"each": ("devices",)}, [(3,)]),
        ({"each": ("devices",), "by": ("model",)}, [("x", 2), ("y", 1)]),
        ({"by": ("weight",)}, [(Decimal("2.00"), 1), (1.5, 1), (None, 1)]),
    ],
)
def test_both_sides_may_spell_a_value_in_their_own_way(asked, rows):
    assert disagreements(rows, **asked) == []


def test_every_group_that_differs_is_named_with_both_numbers():
    assert disagreements([("de", 2), ("fr", 1), (None, 1)], by=("country",)) == [
        Disagreement("DE", "1", None),
        Disagreement("de", "1", "2"),
        Disagreement("fr", None, "1"),
    ]


def test_no_documents_are_a_count_of_zero_and_a_sum_of_null():
    count = Tally(Assertion("one", "SELECT", None, None, None))

    assert count.disagreements([(0,)]) == []
    assert count.disagreements([(None,)]) == []
    assert count.disagreements([(1,)]) == [Disagreement("NULL", "0", "1")]


def test_a_mapping_states_them_at_a_stream():
    text = SIMPLE + "    assertions:\n      users by name: {by: $.name, sum: $.n, sql: SELECT name FROM users}\n"

    assert stream_of(text, USERS).assertions == (
        Assertion("users by name", "SELECT name FROM users", None, ("name",), ("n",)),
    )


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("{by: $.name, sql: DELETE FROM users}", "an assertion asks one question; write SELECT …"),
        ("{by: $.name, sql: SELECT 1; DELETE FROM users}", "an assertion asks one question; write SELECT …"),
        ("{by: $.name}", "'sql' is missing"),
        ("{buy: $.name, sql: SELECT 1}", "did you mean 'by'?"),
        ("{each: $.devices, sql: SELECT 1}", "does not lead to the elements of a list"),
    ],
)
def test_a_fault_is_told_with_its_line(said, fault):
    text = SIMPLE + f"    assertions:\n      users by name: {said}\n"

    with pytest.raises(ConfigError) as error:
        load_mapping(text, file="m.yaml")

    assert re.search(rf"^m\.yaml:1[34]:\d+: .*{re.escape(fault)}", str(error.value), re.MULTILINE), str(error.value)
