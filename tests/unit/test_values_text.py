"""Texts, enumerations and bytes: what a column takes unchanged goes in unchanged, all else is refused with its code."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from tests.unit.mappings import column, one_column, same

ABSENT = object()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def code_of(value, given_):
    with pytest.raises(Rejected) as caught:
        value({"v": given_} if given_ is not ABSENT else {})
    assert (caught.value.reason.stage, caught.value.reason.field_path) == ("transform", "$.v")
    return caught.value.reason.code


@given(TEXT)
def test_text_goes_in_as_it_is(text):
    assert one_column("$.v", column("v"))({"v": text}) == text


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧", "שלום", "e\u0301", "\u00e9", "a\0b", "\\N", "a\tb\nc", " ", "'; DROP TABLE x; --", "=1+1"]
)
def test_odd_text_is_text(text):
    assert one_column("$.v", column("v"))({"v": text}) == text


def test_null_absent_empty_and_the_word_null_are_four_things():
    free = one_column("$.v", column("v"))
    filled = one_column("{path: $.v, default: d}", column("v"))
    full = one_column("$.v", column("v", nullable=False))
    asked = one_column("{path: $.v, required: true}", column("v"))

    assert [free({"v": None}), free({}), free({"v": ""}), free({"v": "null"})] == [None, None, "", "null"]
    assert [filled({"v": None}), filled({}), filled({"v": ""}), filled({"v": "null"})] == [None, "d", "", "null"]
    for value in (full, asked):
        assert [code_of(value, None), code_of(value, ABSENT)] == ["FIELD_NULL", "FIELD_MISSING"]
        assert [value({"v": ""}), value({"v": "null"})] == ["", "null"]


@pytest.mark.parametrize("given_", [7, 1.5, True, ["a"], {"a": 1}])
def test_only_text_is_text(given_):
    assert code_of(one_column("$.v", column("v")), given_) == "TYPE_MISMATCH"


def test_with_coerce_numbers_and_booleans_are_written_as_text_and_nothing_else_is():
    value = one_column("{path: $.v, coerce: true}", column("v"))

    assert [value({"v": one}) for one in (7, True, False, "x")] == ["7", "true", "false", "x"]
    assert [code_of(value, one) for one in (["a"], {"a": 1})] == ["TYPE_MISMATCH"] * 2


def test_a_varchar_counts_characters():
    value = one_column("$.v", column("v", length=3))

    assert [value({"v": one}) for one in ("", "abc", "👩👩👩")] == ["", "abc", "👩👩👩"]
    assert [code_of(value, one) for one in ("abcd", "abc ", "e\u0301e\u0301")] == ["STR_TOO_LONG"] * 3


def test_a_text_column_counts_bytes():
    value = one_column("$.v", column("v", "tinytext", 255))

    assert value({"v": "é" * 127}) == "é" * 127
    assert value({"v": "a" * 255}) == "a" * 255
    assert value({"v": "陽" * 85}) == "陽" * 85
    assert [code_of(value, one) for one in ("a" * 256, "é" * 128, "陽" * 86, "👩" * 64)] == ["STR_TOO_LONG"] * 4


def test_a_latin1_text_column_counts_its_own_bytes():
    value = one_column("$.v", column("v", "tinytext", 255, charset="latin1"))

    assert value({"v": "é" * 255}) == "é" * 255
    assert code_of(value, "é" * 256) == "STR_TOO_LONG"


@pytest.mark.parametrize(
    ("charset", "good", "bad"),
    [("utf8mb3", "é陽", "👩"), ("latin1", "é€", "陽"), ("ascii", "e", "é"), ("sjis", "e", "陽")],
)
def test_a_character_that_the_column_lacks_is_refused(charset, good, bad):
    value = one_column("$.v", column("v", charset=charset))

    assert value({"v": good}) == good
    assert code_of(value, bad) == "MYSQL_1366_CHARSET"


def test_what_char_and_binary_would_change_is_refused():
    char = one_column("$.v", column("v", "char", 4))
    binary = one_column("{path: $.v, type: string}", column("v", "binary", 4))

    assert (char({"v": " a"}), binary({"v": "é12"})) == (" a", "é12")
    assert [code_of(char, one) for one in ("a ", "ab  ", " ")] == ["STR_PADDED"] * 3
    assert [code_of(binary, one) for one in ("abc", "")] == ["STR_PADDED"] * 2
    assert [code_of(char, "abcde"), code_of(binary, "abcde")] == ["STR_TOO_LONG"] * 2


CONTROL = ["\0", "a\x1bb", "\x7f", "\x85"]


@pytest.mark.parametrize("text", CONTROL)
def test_control_characters_are_refused_where_the_mapping_says_so(text):
    refusing = one_column("{path: $.v, control: reject}", column("v"))

    assert code_of(refusing, text) == "TEXT_CONTROL_CHAR"
    assert one_column("$.v", column("v"))({"v": text}) == text


@pytest.mark.parametrize("text", ["", "plain", "a\tb\r\nc", "e\u0301", "\u200d", "\u2028", "\u00a0"])
def test_tabs_line_ends_and_invisible_letters_are_no_control_characters(text):
    assert one_column("{path: $.v, control: reject}", column("v"))({"v": text}) == text


def test_an_enum_takes_the_column_s_words_letter_by_letter():
    value = one_column("$.v", column("v", "enum", enum_values=("on", "1", "")))

    assert [value({"v": one}) for one in ("on", "1", "")] == ["on", "1", ""]
    assert [code_of(value, one) for one in ("On", "on ", "2", 1, True, ["on"])] == ["ENUM_UNKNOWN"] * 6


@pytest.mark.parametrize("target", [column("v", "enum", enum_values=("active", "lost")), column("v")])
def test_an_enum_takes_the_mapping_s_words_for_them(target):
    value = one_column("{path: $.v, type: enum, values: {A: active, B: active}}", target)

    assert [value({"v": one}) for one in ("A", "B")] == ["active", "active"]
    assert [code_of(value, one) for one in ("active", "lost", "a")] == ["ENUM_UNKNOWN"] * 3


@given(st.binary(max_size=20))
def test_bytes_come_back_from_either_writing(found):
    target = column("v", "varbinary", 20)

    assert one_column("{path: $.v, type: bytes}", target)({"v": base64.b64encode(found).decode()}) == found
    assert one_column("{path: $.v, type: bytes, encoding: hex}", target)({"v": found.hex()}) == found
    assert one_column("{path: $.v, type: bytes, encoding: hex}", target)({"v": found.hex().upper()}) == found


@pytest.mark.parametrize("text", ["a", "aa==a", "a-_a", "é", "YQ", "YQ==\n", " YQ==", 7])
def test_what_is_no_base64_is_refused(text):
    assert code_of(one_column("{path: $.v, type: bytes}", column("v", "blob")), text) == "TYPE_MISMATCH"


@pytest.mark.parametrize("text", ["a", "0x00", "aa bb", "aa\n", "é", "zz", 7])
def test_what_is_no_hex_is_refused(text):
    assert code_of(one_column("{path: $.v, type: bytes, encoding: hex}", column("v", "blob")), text) == "TYPE_MISMATCH"


def test_bytes_fit_their_column():
    some = one_column("{path: $.v, type: bytes, encoding: hex}", column("v", "varbinary", 2))
    exact = one_column("{path: $.v, type: bytes, encoding: hex}", column("v", "binary", 2))

    assert [some({"v": "aabb"}), some({"v": ""}), exact({"v": "aabb"})] == [b"\xaa\xbb", b"", b"\xaa\xbb"]
    assert [code_of(some, "aabbcc"), code_of(exact, "aabbcc"), code_of(exact, "aa")] == ["STR_TOO_LONG"] * 2 + [
        "STR_PADDED"
    ]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), st.booleans(), st.integers(0, 5))
def test_the_short_way_and_the_long_way_agree(text, reject, length):
    """A string column without a quick test decides everything in its converter."""
    option = "reject" if reject else "accept"
    described = f"{{path: $.v, type: string, control: {option}}}"
    quick = one_column(described, column("v", length=length))
    slow = one_column(f"{described[:-1]}, using: my:same}}", column("v", length=length), functions=same)

    assert outcome(quick, text) == outcome(slow, text)


def outcome(value, text):
    try:
        return value({"v": text})
    except Rejected as rejected:
        return rejected.reason
