"""What a legacy platform may send: each input with what must become of it, the same through every way in."""

import json
from collections.abc import Callable
from decimal import Decimal

from tests.integration.inputs import (
    DEBEZIUM,
    KCAT,
    NDJSON,
    STREAM,
    STRICT,
    Case,
    Sent,
    as_lines,
    changed,
    debezium,
    enveloped,
    image,
    key_of,
    refused,
    spoiled,
    story,
    taken,
    tombstone,
)

WIDE = 220
"""Columns of a row that no page of InnoDB holds when all of them are full."""


def _nested(depth: int) -> str:
    return f'"deep": {"[" * depth}{"]" * depth}'


def _inside(text: bytes) -> Callable[[bytes], bytes]:
    """Put `text` into the value of `needed`."""
    return lambda value: value.replace(b'"x"', b'"%b"' % text)


_KEYED = frozenset({STREAM, KCAT})
_TEXT = "'; DROP TABLE items; -- \\n=cmd|' /C calc'!A0"
_WIDE = "".join(f', "c{number}": "{"w" * 40}"' for number in range(WIDE))

CASES: list[Case] = [
    # no JSON, or not the JSON that it must be
    *spoiled("PARSE_EMPTY", empty=lambda _value: b""),
    *spoiled("PARSE_JSON", cut_short=lambda value: value[:-1], trailing=lambda value: value + b" x"),
    *spoiled("PARSE_JSON", single_quotes=lambda value: value.replace(b'"', b"'")),
    *spoiled("PARSE_NOT_OBJECT", array=lambda value: b"[%b]" % value, scalar=lambda _value: b'"text"'),
    *spoiled("PARSE_NOT_OBJECT", number=lambda _value: b"7", json_null=lambda _value: b"null"),
    *changed({"needed": "x"}, bom=lambda value: b"\xef\xbb\xbf" + value, white=lambda value: b" \t%b \r" % value),
    *spoiled(
        "ENC_NOT_UTF8", utf16=lambda value: value.decode().encode("utf-16"), utf32=lambda v: v.decode().encode("utf-32")
    ),
    *spoiled("ENC_NOT_UTF8", utf16_le=lambda value: value.decode().encode("utf-16-le")),
    *spoiled("ENC_INVALID_UTF8", latin1=_inside(b"\xe9"), overlong=_inside(b"\xc0\xaf"), half=_inside(b"\xf0\x9f")),
    *spoiled("ENC_LONE_SURROGATE", surrogate=_inside(rb"\ud800"), low_surrogate=_inside(rb"\udc80")),
    # characters
    *taken({"text": "a\0b"}, nul=r'"text": "a\u0000b"'),
    *refused("TEXT_CONTROL_CHAR", bell=r'"tidy": "a\u0007b"'),
    *taken(
        {"text": "👩‍👩‍👧 שלום"},
        emoji='"text": "👩‍👩‍👧 שלום"',
        escaped_emoji=r'"text": "\ud83d\udc69‍\ud83d\udc69‍\ud83d\udc67 שלום"',
    ),
    *taken({"text": "\u00e9"}, nfc='"text": "\u00e9"'),
    *taken({"text": "e\u0301"}, nfd='"text": "e\u0301"'),
    *refused("MYSQL_1366_CHARSET", emoji_in_utf8mb3='"legacy": "😀"'),
    # names and numbers
    *refused("JSON_DUPLICATE_KEY", twice='"n": 1, "n": 2', twice_deep='"deep": {"a": 1, "a": 1}'),
    *refused("JSON_DUPLICATE_KEY", twice_escaped=r'"deep": {"a": 1, "\u0061": 2}'),
    *refused("JSON_NONFINITE", nan='"ratio": NaN', infinity='"ratio": Infinity', minus='"deep": [-Infinity]'),
    *refused("NUM_OVERFLOW", overflow='"ratio": 1e400', overflow_decimal='"amount": 1e400', huge='"deep": 1e400'),
    *refused("NUM_RANGE", beyond_int='"n": 2147483648', beyond_bigint='"big": 9223372036854775808'),
    *refused("NUM_RANGE", beyond_unsigned='"ubig": 18446744073709551616', below_unsigned='"ubig": -1'),
    *taken({"ubig": 2**64 - 1, "big": -(2**63)}, bounds='"ubig": 18446744073709551615, "big": -9223372036854775808'),
    *refused("NUM_TOO_LONG", long_number=f'"deep": {"7" * 4301}'),
    *refused("NUM_PRECISION", too_precise='"amount": 12.345', double_loses='"deep": 0.12345678901234567891'),
    *refused("NUM_RANGE", too_large='"amount": 123456789.01'),
    *taken({"amount": Decimal("12.30")}, trailing_zeros='"amount": 12.3000', exponent='"amount": 123e-1'),
    *taken({"amount": Decimal("98765432.19")}, exact_decimal='"amount": 98765432.19'),
    *refused("TYPE_MISMATCH", text_for_int='"n": "12"', bool_for_int='"n": true', fraction_for_int='"n": 1.5'),
    *refused("TYPE_MISMATCH", int_for_bool='"flag": 1', text_for_bool='"flag": "true"', int_for_text='"text": 5'),
    *refused("TYPE_MISMATCH", object_for_text='"text": {}', list_for_date='"day": [2024]'),
    *taken({"lax": 12}, coerced='"lax": "12"'),
    *taken({"ratio": 0.0, "amount": Decimal("0.00")}, minus_zero='"ratio": -0.0, "amount": -0.00'),
    # members and sizes
    *refused("FIELD_NULL", null_needed='"needed": null'),
    Case(
        "missing",
        (Sent(key_of("missing"), lambda f: enveloped(f, b'{"id": "missing"}'), "FIELD_MISSING"),),
        {"missing": None},
    ),
    *taken({"lang": "en", "text": None, "extra": None}, absent='"n": 1'),
    *taken(
        {"lang": None, "text": None, "extra": {"tag": None}}, null_members='"lang": null, "text": null, "tag": null'
    ),
    *taken(
        {"lang": "null", "text": "null", "extra": {"tag": "null"}},
        null_word='"lang": "null", "text": "null", "tag": "null"',
    ),
    *taken({"lang": "", "text": "", "extra": {"tag": ""}}, nothing='"lang": "", "text": "", "tag": ""'),
    *taken({"extra": {"new": {"inner": [1, None, "ü"]}}}, unknown_member='"new": {"inner": [1, null, "ü"]}'),
    *refused("STR_TOO_LONG", too_long=f'"text": "{"x" * 21}"', too_long_in_bytes=f'"tiny": "{"😀" * 64}"'),
    *taken({"text": "😀" * 20}, longest=f'"text": "{"😀" * 20}"'),
    *refused("REC_TOO_LARGE", too_large_a_record=f'"deep": "{"x" * 70_000}"'),
    *refused("JSON_TOO_DEEP", too_deep=_nested(101), far_too_deep=_nested(20_000)),
    *refused("MYSQL_1118", row_too_large=f'"wide": [{{"part": 1{_WIDE}}}]'),
    # time and enumerations
    *refused(
        "DATE_ZERO", zero_date='"day": "0000-00-00"', zero_day='"day": "2024-01-00"', zero_month='"day": "2024-00-10"'
    ),
    *refused(
        "DATE_INVALID", no_leap_year='"day": "2023-02-29"', month_13='"day": "2023-13-01"', words='"day": "tomorrow"'
    ),
    *refused(
        "DATE_RANGE", year_10000='"day": "10000-01-01"', year_1='"day": "0001-01-01"', year_999='"day": "0999-12-31"'
    ),
    *taken({"day": "1000-01-01"}, year_1000='"day": "1000-01-01"'),
    *refused(
        "DATE_RANGE",
        beyond_timestamp='"stamp": "2038-01-19T03:14:08Z"',
        below_timestamp='"stamp": "1969-12-31T23:59:59Z"',
    ),
    *refused("TS_UNIT", seconds_for_ms='"epoch": 1700000000', micros_for_ms='"epoch": 1700000000000000'),
    *taken({"epoch": "2023-11-14 22:13:20.123"}, epoch_ms='"epoch": 1700000000123'),
    *refused("TZ_MISSING", no_offset='"at": "2024-01-01T00:00:00"'),
    *taken({"at": "2023-12-31 22:30:00.000000"}, offset='"at": "2024-01-01T00:00:00+01:30"'),
    *refused("DATE_INVALID", hour_24='"at": "2024-01-01T24:00:00Z"', leap_second='"at": "2016-12-31T23:59:60Z"'),
    *taken({"at": "2024-12-31 23:59:59.999999"}, cut_not_rounded='"at": "2024-12-31T23:59:59.9999999Z"'),
    *refused(
        "ENUM_UNKNOWN", enum='"kind": "c"', enum_case='"kind": "A"', enum_number='"kind": 1', enum_empty='"kind": ""'
    ),
    # what only the server knows
    *taken({"parent": 404}, no_parent='"parent": 404'),
    *refused("CHECK_VIOLATION", check='"n": 13', check_again='"n": 13'),
    # keys
    Case("key_null", (Sent(None, image("key_null").value, "KEY_NULL"),), {"key_null": None}, _KEYED),
    Case("key_absent", (Sent(b"{}", lambda f: enveloped(f, b'{"needed": "x"}'), "KEY_NULL"),)),
    Case("key_of_a_number", (Sent(b'{"id": 5}', lambda f: enveloped(f, b'{"id": 5, "needed": "x"}'), "KEY_INVALID"),)),
    Case("key_with_nul", (image("nul\0key", code="KEY_INVALID"),), {"nul\0key": None}),
    Case("key_too_long", (image("k" * 511, code="KEY_INVALID"),), {"k" * 511: None}),
    Case(
        "key_mismatch",
        (image("somebody", code="KEY_MISMATCH", key=key_of("else")),),
        {"somebody": None, "else": None},
        _KEYED,
    ),
    *[
        Case(name, (image(id_, f'"text": "{name}"'),), {id_: {"text": name}})
        for name, id_ in {
            "lower": "straße",
            "upper": "STRASSE",
            "accent": "stráße",
            "blank": "straße ",
            "wide": "\uff53traße",
        }.items()
    ],
    *[
        Case(name, (image(id_, f'"text": {json.dumps(_TEXT[:20])}'),), {id_: {"text": _TEXT[:20]}})
        for name, id_ in {
            "sql": "'; DROP TABLE x; -- \\",
            "lines": "a\r\nb\tc",
            "formula": "=1+1|cmd`{{7*7}}%s",
        }.items()
    ],
    # position alone decides
    story("tombstone", image("t1"), tombstone("t1"), ends={"t1": None}),
    story("tombstone_of_nobody", tombstone("t2"), ends={"t2": None}),
    story("made_anew", image("t3", '"n": 1'), tombstone("t3"), image("t3", '"n": 3'), ends={"t3": {"n": 3}}),
    story(
        "keys_spelled_differently",
        image("t4", '"n": 1', key=b'{"id":"t4"}'),
        image("t4", '"n": 2', key=b' { "id" : "t4", "more": 1 } '),
        ends={"t4": {"n": 2}},
    ),
    story("sent_twice", *(image("t5", f'"n": {n}') for n in (1, 2, 1)), ends={"t5": {"n": 1}}),
    story(
        "bad_between_good",
        image("t6", '"n": 1'),
        image("t6", '"n": "x"', "TYPE_MISMATCH"),
        image("t6", '"n": 3'),
        ends={"t6": {"n": 3}},
    ),
    story(
        "bad_at_last",
        image("t7", '"n": 1'),
        image("t7", '"n": 13', "CHECK_VIOLATION"),
        ends={"t7": {"n": 1}},
    ),
    # time is told, and orders nothing
    *[
        Case(name, (image(name, time=time),), {name: {"sent": told}}, _KEYED)
        for name, time, told in (
            ("no_time", -1, None),
            ("time_of_the_far_future", 1 << 52, 1 << 52),
            ("time_of_long_ago", 1, 1),
        )
    ],
    story(
        "time_goes_back",
        image("t9", '"n": 1', time=2_000_000),
        image("t9", '"n": 2', time=1_000_000),
        ends={"t9": {"n": 2, "sent": 1_000_000}},
    ),
    # a value that another entity has
    Case(
        "unique_taken",
        (image("s1", '"login": "a"'), image("s2", '"login": "a"', "UNIQUE_CONFLICT")),
        {"s1": {"needed": "x"}, "s2": None},
        formats=frozenset({STRICT}),
    ),
    Case(
        "unique_null",
        (image("s3", '"login": null'), image("s4", '"login": null')),
        {"s3": {"needed": "x"}, "s4": {"needed": "x"}},
        formats=frozenset({STRICT}),
    ),
    story(
        "unique_given_up",
        image("s5", '"login": "b"'),
        image("s6", '"login": "b", "n": 6'),
        image("s5", '"login": "c"'),
        ends={"s5": {"needed": "x"}, "s6": {"n": 6}},
        formats=frozenset({STRICT}),
    ),
    # of snapshots alone
    story(
        "twice_in_a_snapshot",
        image("t8", '"n": 1'),
        image("t8", '"n": 2', "SNAP_DUPLICATE_KEY"),
        ends={"t8": {"n": 1}},
        ways=frozenset({KCAT, NDJSON}),
    ),
    as_lines("no_line_of_kcat", KCAT, b"{broken", "SNAP_PARSE"),
    as_lines("kcat_payload_missing", KCAT, b'{"key": "k"}', "SNAP_PARSE"),
    as_lines("a_newline_in_a_text", NDJSON, b'{"id": "nl", "needed": "x\ny"}', "PARSE_JSON", "PARSE_JSON"),
    # what Debezium says happened
    debezium("op_unknown", b'{"op": "x", "after": {"id": "op_unknown"}}', "OP_UNKNOWN"),
    debezium("no_after", b'{"op": "u", "before": {"id": "no_after"}, "after": null}', "FIELD_MISSING"),
    debezium("after_is_a_list", b'{"op": "u", "before": {"id": "after_is_a_list"}, "after": []}', "TYPE_MISMATCH"),
    debezium(
        "with_schema",
        b'{"schema": {"type": "struct"}, "payload": {"op": "c", "after": {"id": "with_schema", "needed": "x"}}}',
        row={"needed": "x"},
    ),
    story(
        "debezium_delete",
        image("d1"),
        Sent(key_of("d1"), lambda _format: b'{"op": "d", "before": {"id": "d1"}, "after": null}'),
        tombstone("d1"),
        ends={"d1": None},
        formats=frozenset({DEBEZIUM}),
    ),
]
