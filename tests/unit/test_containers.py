"""Every line of a container is one record with its bytes unchanged, or malformed; none is skipped."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.containers import CONTAINERS
from migration_core.containers.kcat import render
from migration_core.errors import Rejected
from migration_core.headers import decode_headers, encode_headers
from migration_core.records import Received

kcat, ndjson = CONTAINERS["kcat"], CONTAINERS["ndjson"]


@pytest.mark.parametrize(
    "line", [b'{"a":1}', b"", b" ", b'{"a":1}\r', b"\r", b"\xef\xbb\xbf{}", b"\xff\x00", b"no json"]
)
def test_an_ndjson_line_is_its_value_byte_for_byte(line):
    assert ndjson(line, 7) == Received(7, None, line, None, None, 0)


def kcat_line(**changes):
    whole = {"topic": "t", "partition": 0, "offset": 5, "tstype": "create", "ts": 17, "broker": 0, "key": "k",
             "payload": "v"}  # fmt: skip
    return json.dumps({name: value for name, value in (whole | changes).items() if value is not ...}).encode()


def test_a_kcat_line_is_the_record_that_it_describes():
    line = kcat_line(payload='{"a":"é\n"}', key="ключ", headers=["h", "1", "h", None, "empty", ""])

    found = kcat(line, 3)

    assert found == Received(3, "ключ".encode(), '{"a":"é\n"}'.encode(), found.headers, 17, 1)
    assert decode_headers(found.headers) == [("h", b"1"), ("h", None), ("empty", b"")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"payload": None}, Received(1, b"k", None, None, 17, 1)),
        ({"payload": ""}, Received(1, b"k", b"", None, 17, 1)),
        ({"key": None}, Received(1, None, b"v", None, 17, 1)),
        ({"key": ...}, Received(1, None, b"v", None, 17, 1)),
        ({"key": ""}, Received(1, b"", b"v", None, 17, 1)),
        ({"ts": ...}, Received(1, b"k", b"v", None, None, 1)),
        ({"ts": -1, "tstype": "unknown"}, Received(1, b"k", b"v", None, None, 0)),
        ({"tstype": "logappend"}, Received(1, b"k", b"v", None, 17, 2)),
        ({"payload": ..., "payload_b64": "/w=="}, Received(1, b"k", b"\xff", None, 17, 1)),
        ({"payload": None, "payload_b64": "/w=="}, Received(1, b"k", b"\xff", None, 17, 1)),
        ({"key": ..., "key_b64": "gA=="}, Received(1, b"\x80", b"v", None, 17, 1)),
        ({"headers": []}, Received(1, b"k", b"v", None, 17, 1)),
        ({"payload": '"payload" "key" \u0000'}, Received(1, b"k", b'"payload" "key" \x00', None, 17, 1)),
        ({"payload": "key", "key": "payload"}, Received(1, b"payload", b"key", None, 17, 1)),
        ({"value_schema_id": 3, "key_schema_id": 4}, Received(1, b"k", b"v", None, 17, 1)),
    ],
)
def test_absent_null_and_empty_stay_three_things(changes, expected):
    assert kcat(kcat_line(**changes), 1) == expected


@pytest.mark.parametrize("around", [b"%s\r", b"\xef\xbb\xbf%s", b" %s "])
def test_white_space_and_a_byte_order_mark_around_a_kcat_line_are_no_part_of_the_record(around):
    assert kcat(around % kcat_line(), 1).value == b"v"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\r",
        b"{",
        b"[]",
        b"null",
        b'"payload"',
        b"\xff\xfe" + kcat_line(),
        kcat_line().decode().encode("utf-16"),
        kcat_line()[:-1],
        kcat_line() + b"x",
        kcat_line() + kcat_line(),
        kcat_line(payload=...),
        kcat_line(payload=5),
        kcat_line(payload={"a": 1}),
        kcat_line(key=5),
        kcat_line(payload_b64="/w=="),
        kcat_line(payload=..., payload_b64="/w=!"),
        kcat_line(payload=..., payload_b64="/w"),
        kcat_line(key_b64="gA=="),
        kcat_line(payload="\ud800"),
        kcat_line(ts="17"),
        kcat_line(headers=["h"]),
        kcat_line(headers=[None, "v"]),
        kcat_line(headers={"h": "v"}),
        kcat_line(headers=["h", {"b64": "!"}]),
        kcat_line()[:-1] + b', "payload": "w"}',
        kcat_line()[:-1] + b', "key": "l"}',
        kcat_line()[:-1] + b', "ts": 1, "ts": 2, "\\u0070ayload": "w"}',
        kcat_line()[:-1] + b', "ts": 18}',
        kcat_line()[:-1] + b', "ts" :18}',
        kcat_line()[:-1] + b', "tstype": "logappend"}',
        kcat_line(headers=["h", "1"])[:-1] + b', "headers": ["h", "2"]}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_kcat_line_is_rejected_as_such(line):
    with pytest.raises(Rejected) as rejected:
        kcat(line, 1)

    assert (rejected.value.reason.stage, rejected.value.reason.code) == ("container", "SNAP_PARSE")


texts = st.one_of(st.binary(max_size=60), st.text(max_size=30).map(str.encode))


@given(
    key=st.none() | texts,
    value=st.none() | texts,
    time=st.none() | st.integers(0, 1 << 50),
    time_type=st.sampled_from([0, 1, 2]),
    headers=st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), st.none() | texts)),
)
def test_what_is_rendered_for_kcat_is_parsed_to_the_same_bytes(key, value, time, time_type, headers):
    record = Received(12, key, value, encode_headers(headers), time, time_type)

    line = render("topic", 3, record, headers)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert kcat(line[:-1], 12) == record


def test_bytes_that_are_no_utf8_are_written_in_base64():
    line = json.loads(render("t", 0, Received(0, b"\xff", b"\x80", None, None, 0)))

    assert (line["key_b64"], line["payload_b64"]) == (b64encode(b"\xff").decode(), b64encode(b"\x80").decode())
    assert "payload" not in line
