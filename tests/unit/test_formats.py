"""What a record of each format asks for, and the code of each that asks for nothing that can be done."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import ConfigError, Rejected
from migration_core.formats import FORMATS, FormatOptions, record_format
from migration_core.records import Change, Flag, Op
from tests.unit.mappings import SIMPLE, stream_of

WITH_OP = FormatOptions(
    op_path=("meta", "op"), ops={"new": Op.IMAGE, "mod": Op.MERGE, "del": Op.DELETE}, document=("body", "row")
)


def reason_of(act):
    with pytest.raises(Rejected) as caught:
        act()
    assert caught.value.reason.stage == "decode"
    return caught.value.reason.code, caught.value.reason.field_path


def bytes_of(record):
    return json.dumps(record).encode()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "PARSE_EMPTY"),
        (b"{", "PARSE_JSON"),
        (b"[]", "PARSE_NOT_OBJECT"),
        (b'{"op":"c","after":{"a":1,"a":2}}', "JSON_DUPLICATE_KEY"),
        (b'{"op":"c","after":{"a":NaN}}', "JSON_NONFINITE"),
        (b'{"op":"c","after":{"a":"\xff"}}', "ENC_INVALID_UTF8"),
        (b'{"op":"c","after":{"a":"\\ud800"}}', "ENC_LONE_SURROGATE"),
    ],
)
def test_every_format_refuses_what_is_no_json_object(name, raw, code):
    assert reason_of(lambda: record_format(name, FormatOptions()).decode(raw)) == (code, "")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_keeps_to_the_longest_record(name):
    raw = b'{"op":"c","after":{"a":"xxxxxxxx"}}'

    assert record_format(name, FormatOptions(longest=len(raw))).decode(raw).op is Op.IMAGE
    assert reason_of(lambda: record_format(name, FormatOptions(longest=len(raw) - 1)).decode(raw))[0] == "REC_TOO_LARGE"


def test_a_format_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError, match="format 'xml' is unknown: write one of debezium, json"):
        record_format("xml", FormatOptions())


def test_plain_json_is_the_document_itself():
    assert record_format("json", FormatOptions()).decode(b'{"op":"del"}') == Change(Op.IMAGE, {"op": "del"})
    assert record_format("json", FormatOptions(partial=True)).decode(b'{"a":null}') == Change(Op.MERGE, {"a": None})


@pytest.mark.parametrize(("word", "op"), WITH_OP.ops.items())
def test_a_word_says_what_happened_to_the_document_beside_it(word, op):
    raw = bytes_of({"meta": {"op": word}, "body": {"row": {"id": 1}}})

    assert record_format("json", WITH_OP).decode(raw) == Change(op, {"id": 1})


@pytest.mark.parametrize("word", ["NEW", "", None, 1, True, ["new"], {"new": 1}])
def test_a_word_that_the_mapping_does_not_name_is_refused(word):
    raw = bytes_of({"meta": {"op": word}, "body": {"row": {}}})

    assert reason_of(lambda: record_format("json", WITH_OP).decode(raw)) == ("OP_UNKNOWN", "$.meta.op")


@pytest.mark.parametrize("meta", [{}, {"meta": None}, {"meta": "new"}, {"meta": ["new"]}])
def test_no_word_is_no_default(meta):
    raw = bytes_of({**meta, "body": {"row": {}}})

    assert reason_of(lambda: record_format("json", WITH_OP).decode(raw)) == ("OP_UNKNOWN", "$.meta.op")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "FIELD_MISSING"),
        ({"body": {}}, "FIELD_MISSING"),
        ({"body": {"row": None}}, "FIELD_MISSING"),
        ({"body": 5}, "FIELD_MISSING"),
        ({"body": {"row": "x"}}, "TYPE_MISMATCH"),
        ({"body": {"row": [{}]}}, "TYPE_MISMATCH"),
    ],
)
def test_an_image_without_a_document_is_refused(body, code):
    raw = bytes_of({"meta": {"op": "new"}, **body})

    assert reason_of(lambda: record_format("json", WITH_OP).decode(raw)) == (code, "$.body.row")


def test_a_delete_needs_no_document_but_takes_no_other_thing_for_one():
    decode = record_format("json", WITH_OP).decode

    assert decode(b'{"meta":{"op":"del"}}') == Change(Op.DELETE, None)
    assert reason_of(lambda: decode(b'{"meta":{"op":"del"},"body":{"row":5}}'))[0] == "TYPE_MISMATCH"


ENVELOPE = {"before": None, "after": {"id": 1}, "source": {"ts_ms": 5}, "op": "c"}


@pytest.mark.parametrize("op", ["c", "u", "r"])
@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: {"payload": e}, lambda e: {"schema": {"op": "x"}, "payload": e}]
)
def test_debezium_gives_the_whole_row_with_and_without_a_schema(op, wrap):
    raw = bytes_of(wrap({**ENVELOPE, "op": op}))

    assert record_format("debezium", FormatOptions()).decode(raw) == Change(Op.IMAGE, {"id": 1})


@pytest.mark.parametrize(("before", "document"), [({"id": 1}, {"id": 1}), (None, None), (5, None)])
def test_debezium_deletes_with_the_old_row_where_there_is_one(before, document):
    raw = bytes_of({**ENVELOPE, "op": "d", "before": before, "after": None})

    assert record_format("debezium", FormatOptions()).decode(raw) == Change(Op.DELETE, document)


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"op": "t"}, "OP_UNKNOWN", "$.op"),
        ({"op": "m"}, "OP_UNKNOWN", "$.op"),
        ({"op": "C"}, "OP_UNKNOWN", "$.op"),
        ({"op": None}, "OP_UNKNOWN", "$.op"),
        ({"op": ["c"]}, "OP_UNKNOWN", "$.op"),
        ({"after": None}, "FIELD_MISSING", "$.after"),
        ({"after": [1]}, "TYPE_MISMATCH", "$.after"),
        ({"payload": None}, "TYPE_MISMATCH", "$.payload"),
        ({"payload": "x"}, "TYPE_MISMATCH", "$.payload"),
    ],
)
def test_why_an_envelope_is_refused(change, code, path):
    raw = bytes_of({**ENVELOPE, **change})

    assert reason_of(lambda: record_format("debezium", FormatOptions()).decode(raw)) == (code, path)


def test_a_tombstone_is_a_delete_where_the_record_key_names_the_entity():
    stream = stream_of(SIMPLE.replace("    key: $.id", "    key: $.id\n    record_key: $.id"))

    assert stream.decode(b'{"id":"u"}', None) == Change(Op.DELETE, None)
    assert reason_of(lambda: stream.decode(b'{"id":"u"}', b""))[0] == "PARSE_EMPTY"
    assert stream.decode(b'{"id":"u"}', b'{"id":"u"}') == Change(Op.IMAGE, {"id": "u"})


def test_a_tombstone_of_nobody_is_refused_unless_the_program_wrote_it():
    stream = stream_of(SIMPLE)

    assert reason_of(lambda: stream.decode(None, None)) == ("TOMBSTONE_WITHOUT_KEY", "")
    assert stream.decode(None, None, Flag.SYNTHETIC_DELETE) == Change(Op.DELETE, None)


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none() | st.booleans(), max_size=5)
)
def test_a_document_comes_out_as_it_went_in(document):
    raw = bytes_of(document)

    assert record_format("json", FormatOptions()).decode(raw).document == document
    assert (
        record_format("debezium", FormatOptions()).decode(bytes_of({**ENVELOPE, "after": document})).document
        == document
    )
