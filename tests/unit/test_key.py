"""One canonical encoding of a key, wherever it was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from migration_core.key import LONGEST_KEY, canonical, checked_part, part_of_text, parts_of

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
PARTS = st.lists(TEXT | st.integers(-(1 << 63), (1 << 64) - 1), min_size=1, max_size=3)


def code_of(act):
    with pytest.raises(Rejected) as caught:
        act()
    assert caught.value.reason.stage == "key"
    return caught.value.reason.code


@given(PARTS)
def test_a_key_comes_back_as_it_was(parts):
    assert parts_of(canonical(parts)) == tuple(parts)


@given(PARTS, PARTS)
def test_two_keys_never_share_their_bytes(one, other):
    assert (canonical(one) == canonical(other)) == (one == other)


@pytest.mark.parametrize(
    "other", ["A", "á", "a\u0301", "a ", " a", "\uff41", "7", 7, "07", "'007'", "\\u0000", '"', "\\"]
)
def test_keys_that_a_lenient_collation_takes_for_one_stay_apart(other):
    assert canonical([other]) != canonical(["a"])


def test_a_key_is_readable_json_in_utf8():
    assert canonical(["jp-1 陽", 7]) == '["jp-1 陽",7]'.encode()


def test_a_key_has_at_most_512_bytes_and_not_one_more():
    assert len(canonical(["a" * (LONGEST_KEY - 4)])) == LONGEST_KEY
    assert code_of(lambda: canonical(["a" * (LONGEST_KEY - 3)])) == "KEY_INVALID"
    assert code_of(lambda: canonical(["長" * 170])) == "KEY_INVALID"


def test_a_key_with_a_nul_or_half_a_pair_is_invalid():
    assert code_of(lambda: canonical(["a\0b"])) == "KEY_INVALID"
    assert code_of(lambda: canonical(["\ud800"])) == "KEY_INVALID"


@pytest.mark.parametrize("value", ["7", 7.0, True, [7], {"a": 7}, 1 << 64, -(1 << 63) - 1])
def test_a_whole_number_is_declared_and_never_converted(value):
    assert code_of(lambda: checked_part(value, "int", "$.id")) == "KEY_INVALID"


@pytest.mark.parametrize("value", [7, True, ["a"], {"a": 1}])
def test_text_is_declared_and_never_converted(value):
    assert code_of(lambda: checked_part(value, "string", "$.id")) == "KEY_INVALID"


def test_no_key_is_not_the_word_null():
    assert code_of(lambda: checked_part(None, "string", "$.id")) == "KEY_NULL"
    assert checked_part("null", "string", "$.id") == "null"
    assert checked_part("", "string", "$.id") == ""


@given(st.integers(-(1 << 63), (1 << 64) - 1))
def test_a_plain_text_number_is_the_number(number):
    assert part_of_text(str(number), "int", "$key") == number


@pytest.mark.parametrize(
    "text", ["", "-", "07", "+7", " 7", "7 ", "-0", "7.0", "1e3", "\u0667", "7_0", "9" * 21, "9" * 5000]
)
def test_a_plain_text_number_has_one_spelling(text):
    assert code_of(lambda: part_of_text(text, "int", "$key")) == "KEY_INVALID"
