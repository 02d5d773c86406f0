"""The shape of a value tells enough to group rejects, and nothing of the value."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.pattern import pattern_hash, shape


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "null"),
        (True, "boolean"),
        ("", "string 0"),
        ("abc", "string 2..4 a"),
        ("2021-06-30T23:59:60Z", "string 17..64 9-9-9A9-9-9A"),
        ("Ana 陽\n", "string 5..16 Aa_uc"),
        (7, "integer 1"),
        (-700, "negative integer 2..4"),
        (Decimal("-0.5"), "negative fraction"),
        ([1, 2], "array 2..4"),
        ({}, "object 0"),
        (b"ab", "bytes 2..4"),
    ],
)
def test_each_shape(value, told):
    assert shape(value) == told


def test_a_huge_value_has_a_short_shape_at_once():
    assert len(shape("aB" * 1_000_000)) < 40
    assert shape(10**100_000).startswith("integer")


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=5, max_size=16))
def test_values_of_one_kind_share_their_shape(text):
    assert shape(text) == "string 5..16 u"


@given(st.from_regex(r"[a-z]{5,16}", fullmatch=True), st.from_regex(r"[a-z]{5,16}", fullmatch=True))
def test_a_shape_does_not_tell_its_value(one, other):
    assert shape(one) == shape(other)


def test_a_pattern_keeps_its_hash_and_every_part_counts():
    parts = ("users", "decode", "PARSE_JSON", "$.a", "string 5..16 a")

    hashes = {pattern_hash(*(part + "x" if n == place else part for n, part in enumerate(parts))) for place in range(6)}

    assert len(hashes) == 6
    assert pattern_hash(*parts)[:12] == "6567f20626f3"
