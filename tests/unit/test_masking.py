"""A masked value shows its look, and not one letter or digit of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.masking import masked


@pytest.mark.parametrize(
    ("value", "path", "look"),
    [
        (b'{"mail":"Kim.Lee7@mail.example"}', "$.mail", '"Aaa.Aaa9@aaaa.aaaaaaa"'),
        (b'{"a":{"b":-17.50}}', "$.a.b", "-99.99"),
        (b'{"a":{"b":[true,null,"x"]}}', "$.a.b", '[true, null, "a"]'),
        (b'{"kim":1}', "", '{"aaa": 9}'),
        (b'{"a":1}', "$.gone", '{"a": 9}'),
        (b'{"a":null}', "$.a", "null"),
        (b'{"op":"set","body":{"stage":7}}', "$.stage", "9"),
        (b'{"list":[{"n":1}]}', "$.list[*].n", '{"aaaa": [{"a": 9}]}'),
        (b'{"broken":', "$.x", '{"aaaaaa":'),
        (b"\xff\x00", "$.x", "u·"),
        ('{"a":"Zoë\u202e"}'.encode(), "$.a", '"Aauu"'),
        (None, "$.a", "nothing (a tombstone)"),
        (b"7" * 5000, "", "9" * 119 + "…"),
    ],
)
def test_a_value_is_shown_by_the_classes_of_its_characters(value, path, look):
    assert masked(value, path) == look


@given(st.dictionaries(st.text(), st.recursive(st.text() | st.integers() | st.floats(), st.lists)))
def test_no_letter_and_no_digit_of_a_document_is_ever_shown(document):
    look = masked(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))

    words = look.replace("true", "").replace("false", "").replace("null", "")
    assert {one for one in words if one.isalnum()} <= set("Aa9u")
    assert "\x1b" not in look
