"""RFC 7396: the examples of its appendix, and that nothing given is changed."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.merge_patch import merge

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)


def without_nulls(value):
    """Null members cannot be told by a patch, since null removes."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
    ],
)
def test_the_examples_of_the_standard(document, patch, result):
    assert merge(document, patch) == result


@given(OBJECTS, OBJECTS)
def test_merging_changes_neither_argument(document, patch):
    before = copy.deepcopy((document, patch))

    merged = merge(document, patch)
    merge(merged, {"a": {"a": {"a": 1}}, "b": None, "c": {"b": 2}})

    assert (document, patch) == before


@given(OBJECTS, OBJECTS)
def test_a_patch_twice_is_a_patch_once(document, patch):
    once = merge(document, patch)

    assert merge(once, patch) == once


@given(OBJECTS)
def test_a_document_is_its_own_patch_from_nothing(document):
    assert merge({}, document) == without_nulls(document)
