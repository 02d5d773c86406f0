"""Every record that is no acceptable JSON has its own code, and every acceptable one keeps its values exactly."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from migration_core.json_text import parse_object


def code_of(text: bytes, **options) -> str:
    with pytest.raises(Rejected) as caught:
        parse_object(text, **options)
    assert caught.value.reason.stage == "decode"
    return caught.value.reason.code


CODES = {
    "PARSE_EMPTY": [b"", b"\xef\xbb\xbf"],
    "PARSE_JSON": [
        b" ",
        b"nul",
        b'{"a":1',
        b'{"a":1,}',
        b'{"a":1} x',
        b'{"a":01}',
        b"{'a':1}",
        b'{"a":"\x01"}',
        b'{"a":1}{}',
    ],
    "PARSE_NOT_OBJECT": [b"[]", b"1", b'"a"', b"null", b'[{"a":1}]'],
    "ENC_NOT_UTF8": ['{"a":1}'.encode(code) for code in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")],
    "ENC_INVALID_UTF8": [b'{"a":"\xff"}', b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\x80"}', b'{"\xe9":1}'],
    "ENC_LONE_SURROGATE": [
        b'{"a":"\\ud800"}',
        b'{"a":["\\udc80"]}',
        b'{"\\ud83d":1}',
        b'{"a":"\\ud83d\\ud83d\\ude00"}',
    ],
    "JSON_DUPLICATE_KEY": [
        b'{"a":1,"a":1}',
        b'{"a":1,"b":{"c":1,"c":2}}',
        b'{"a":[{"c":1,"c":2}]}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":"\\u003a","a":1}',
        b'{"a":"\\u003A","a":1}',
        b'{"a":{"x":":"},"a":1}',
    ],
    "JSON_NONFINITE": [b'{"a":NaN}', b'{"a":[Infinity]}', b'{"a":-Infinity}'],
    "NUM_TOO_LONG": [b'{"a":' + b"9" * 5000 + b"}", b'{"a":-' + b"9" * 5000 + b"}"],
    "NUM_OVERFLOW": [b'{"a":1e99999999999999999999}', b'{"a":-1E+99999999999999999999}'],
    "JSON_TOO_DEEP": [
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"a":' + b"[" * 500_000,
    ],
}


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in CODES.items() for text in texts])
def test_each_fault_has_its_code(code, text):
    assert code_of(text) == code


def test_a_record_over_the_cap_is_not_even_parsed():
    text = b'{"a":"' + b"x" * 100 + b'"}'

    assert parse_object(text, longest=len(text)) == {"a": "x" * 100}
    assert code_of(text, longest=len(text) - 1) == "REC_TOO_LARGE"


@pytest.mark.parametrize(
    "text", [b'{"a":"SECRET","a":1}', b'{"a":"SECRET"', b'"SECRET"', b'{"a":"SECRET\\ud800"}', b"SECRET"]
)
def test_no_reject_tells_the_value(text):
    with pytest.raises(Rejected) as caught:
        parse_object(text)

    assert "SECRET" not in f"{caught.value}{caught.value.reason}"


@pytest.mark.parametrize(
    ("text", "document"),
    [
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b' {"a" : 1}\n', {"a": 1}),
        (b'{"a":null,"b":"null","c":""}', {"a": None, "b": "null", "c": ""}),
        (b'{"a":"\\u0000"}', {"a": "\0"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a:b":"c:d","e":"\\u003a"}', {"a:b": "c:d", "e": ":"}),
        (b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", None),
        (b'{"a":"' + b"[{" * 500 + b'"}', {"a": "[{" * 500}),
    ],
)
def test_odd_and_right_records_are_read(text, document):
    found = parse_object(text)

    assert document is None or found == document


@pytest.mark.parametrize("number", ["0.1", "1e400", "12345678901234567890.123456789012345678901234567890", "1E-400"])
def test_fractions_never_pass_through_a_float(number):
    found = parse_object(b'{"a":%s}' % number.encode())["a"]

    assert type(found) is Decimal
    assert found == Decimal(number)


def test_whole_numbers_keep_all_their_digits():
    assert parse_object(b'{"a":' + b"9" * 4000 + b"}") == {"a": 10**4000 - 1}


NAMES = st.sampled_from(["a", "b", ":", 'c":', "\\", "é", "\0"])
LEAVES = st.none() | st.booleans() | st.integers() | NAMES | st.decimals(allow_nan=False, allow_infinity=False)


def pairs(inner):
    """Objects as lists of pairs, so that a name may come twice."""
    return st.lists(st.tuples(NAMES, inner), max_size=4).map(lambda found: ("object", found))


def lists(inner):
    return st.lists(inner, max_size=3).map(lambda found: ("list", found))


TREES = pairs(st.recursive(LEAVES, lambda inner: pairs(inner) | lists(inner), max_leaves=12))


def written(tree, escape) -> str:
    match tree:
        case ("object", found):
            return "{" + ",".join(f"{written(n, escape)}:{written(v, escape)}" for n, v in found) + "}"
        case ("list", found):
            return "[" + ",".join(written(v, escape) for v in found) + "]"
        case str():
            return '"' + "".join(f"\\u{ord(c):04x}" if escape(c) else json.dumps(c)[1:-1] for c in tree) + '"'
        case Decimal():
            return str(tree)
    return json.dumps(tree)


def repeats(tree) -> bool:
    kind, found = tree if isinstance(tree, tuple) else ("leaf", [])
    if kind == "object":
        return len({name for name, _ in found}) < len(found) or any(repeats(value) for _, value in found)
    return any(repeats(value) for value in found)


@given(TREES, st.randoms())
def test_no_name_that_comes_twice_is_missed_and_none_is_imagined(tree, random):
    text = written(tree, lambda _: random.random() < 0.3).encode()

    if repeats(tree):
        assert code_of(text) == "JSON_DUPLICATE_KEY"
    else:
        assert parse_object(text) == json.loads(text, parse_float=Decimal)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_whatever_cause_anything_but_a_reject(text):
    try:
        found = parse_object(text)
    except Rejected:
        return
    assert type(found) is dict
