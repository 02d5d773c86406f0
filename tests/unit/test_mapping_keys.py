"""The key of a record is the same by the short way and by the whole document, and nothing else is taken for it."""

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from migration_core.json_text import parse_object
from migration_core.key import canonical
from migration_core.mapping.keys import KeyReader
from migration_core.mapping.path import parse_path

BOM = b"\xef\xbb\xbf"
TOP = [()]
DEBEZIUM = [("payload", "after"), ("after",), ("payload", "before"), ("before",)]


def reader(*parts, record_key=None, documents=TOP):
    """`reader("$.a", "$.b:int")` reads a key of two parts."""
    kinds = [(parse_path(p.partition(":")[0]), p.partition(":")[2] or "string") for p in parts]
    paths = [parse_path(path) for path in record_key] if isinstance(record_key, list) else record_key
    return KeyReader(kinds, paths, documents)


READERS = {
    "one": reader("$.a"),
    "int": reader("$.a:int"),
    "inner": reader("$.a.b"),
    "two": reader("$.a", "$.b:int"),
    "two inner": reader("$.a.a", "$.a.b:int"),
    "debezium": reader("$.a", documents=DEBEZIUM),
    "debezium two": reader("$.a", "$.b:int", documents=DEBEZIUM),
    "record": reader("$.a", record_key=["$.a"]),
    "record renamed": reader("$.id:int", record_key=["$.a.b"]),
    "record two": reader("$.a", "$.b:int", record_key=["$.a", "$.b"]),
    "payload": reader("$.payload", record_key=["$.payload"]),
    "value in value": reader("$.a", "$.a.b:int"),
}


def code_of(act):
    with pytest.raises(Rejected) as caught:
        act()
    assert caught.value.reason.stage == "key"
    return caught.value.reason.code


def outcome(found, text):
    try:
        return found.key_of(text, text)
    except Rejected as rejected:
        return (rejected.reason.stage, rejected.reason.code)


def slowly(found, text):
    """By the definition: the whole document, the first place with any member, the declared types."""
    quick, found._finder._fast = found._finder._fast, None
    try:
        return outcome(found, text)
    finally:
        found._finder._fast = quick


NAMES = st.sampled_from(["a", "b", "payload", "after", "before", "id", "c:", '"', "\\", "é", "a b"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.sampled_from([0, 7, (1 << 64) - 1, 1 << 64, -(1 << 63)])
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "7", "null", "é", "👩", "\0", "x" * 600, 'a":'])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
)


def pairs(inner):
    return st.lists(st.tuples(NAMES, inner), max_size=4).map(lambda found: ("object", found))


RECORDS = pairs(st.recursive(LEAVES, lambda inner: pairs(inner) | st.lists(inner, max_size=2), max_leaves=10))


def written(node, random) -> str:
    """JSON text of a tree whose objects may name a member twice, in any spelling."""
    blank = random.choice(["", "", " ", "\n"])
    match node:
        case ("object", found):
            inner = ",".join(f"{blank}{text(n, random)}{blank}:{blank}{written(v, random)}" for n, v in found)
            return "{" + inner + blank + "}"
        case list():
            return "[" + ",".join(written(v, random) for v in node) + "]"
        case str():
            return text(node, random)
        case Decimal():
            return str(node)
    return json.dumps(node)


def text(found, random) -> str:
    if random.random() < 0.2:
        return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 1 << 16 else c for c in found) + '"'
    return json.dumps(found, ensure_ascii=False)


@given(record=RECORDS, random=st.randoms(use_true_random=False), bom=st.booleans())
@example(record=("object", [("a", "x"), ("b", 7)]), random=None, bom=False)
@example(record=("object", [("payload", ("object", [("a", "x"), ("b", 7)]))]), random=None, bom=False)
@example(record=("object", [("a", ("object", [("a", "x"), ("b", 7)]))]), random=None, bom=False)
def test_the_short_way_and_the_whole_document_agree(record, random, bom):
    raw = (BOM if bom else b"") + written(record, random or Plain()).encode()

    for name, found in READERS.items():
        assert outcome(found, raw) == slowly(found, raw), name


class Plain:
    def choice(self, found):
        return found[0]

    def random(self):
        return 1.0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("record", b'{"a":"x","a" :"y"}'),
        ("record", b'{"a" :"x","a":"y"}'),
        ("record", b'{"a":"x","\\u0061":"y"}'),
        ("record", b'{"payload":{"a":"x"},"payload" :{"a":"y"}}'),
        ("record renamed", b'{"a":{},"a":{"b":5}}'),
        ("record renamed", b'{"a":{"b":5},"a":{}}'),
    ],
)
def test_no_record_key_holds_a_name_twice_on_the_way_to_the_key(name, text):
    """Nothing decodes a record key later, so the second one would win without a word."""
    assert outcome(READERS[name], text) == ("key", "JSON_DUPLICATE_KEY")


@given(record=RECORDS, random=st.randoms(use_true_random=False))
def test_the_key_of_a_good_value_is_what_its_document_holds(record, random):
    raw = written(record, random).encode()
    try:
        document = parse_object(raw)
    except Rejected:
        return

    for found in (READERS[name] for name in ("one", "int", "inner", "two")):
        values = [member(document, path.names) for path, _ in found._parts]
        good = tuple(map(type, values)) == found._kinds
        assert outcome(found, raw) in ([canonical_or_invalid(values)] if good else [("key", "KEY_NULL"), INVALID])


INVALID = ("key", "KEY_INVALID")


def canonical_or_invalid(values):
    if any(type(value) is int and not -(1 << 63) <= value < 1 << 64 for value in values):
        return INVALID
    try:
        return canonical(values)
    except Rejected:
        return INVALID


def member(node, names):
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node


@given(st.binary(max_size=40) | RECORDS.flatmap(lambda r: st.randoms().map(lambda d: written(r, d).encode()[:-1])))
def test_no_bytes_whatever_cause_anything_but_a_reject(raw):
    for found in READERS.values():
        found_or_code = outcome(found, raw)
        assert isinstance(found_or_code, bytes) or found_or_code[0] == "key"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "PARSE_EMPTY"),
        (b"u1", "PARSE_JSON"),
        (b"[1]", "PARSE_NOT_OBJECT"),
        (b'"u1"', "PARSE_NOT_OBJECT"),
        (b'{"a":"x"', "PARSE_JSON"),
        (b'{"a":"\xff"}', "ENC_INVALID_UTF8"),
        ('{"a":"x"}'.encode("utf-16"), "ENC_NOT_UTF8"),
        (b'{"a":"\\ud800"}', "ENC_LONE_SURROGATE"),
        (b"{}", "KEY_NULL"),
        (b'{"a":null}', "KEY_NULL"),
        (b'{"a":7}', "KEY_INVALID"),
        (b'{"a":["x"]}', "KEY_INVALID"),
        (b'{"a":"' + b"x" * 600 + b'"}', "KEY_INVALID"),
        (b'{"a":"a\\u0000b"}', "KEY_INVALID"),
    ],
)
def test_why_a_value_has_no_key(raw, code):
    assert code_of(lambda: READERS["one"].key_of(None, raw)) == code


@pytest.mark.parametrize("name", ["int", "two"])
@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1, 10**30])
def test_a_number_beyond_64_bits_is_no_key(name, number):
    raw = b'{"a":%d}' % number if name == "int" else b'{"a":"x","b":%d}' % number

    assert code_of(lambda: READERS[name].key_of(None, raw)) == "KEY_INVALID"


def test_no_record_key_or_value_is_no_key():
    assert code_of(lambda: READERS["one"].key_of(b'{"a":"x"}', None)) == "KEY_NULL"
    assert code_of(lambda: READERS["record"].key_of(None, b'{"a":"x"}')) == "KEY_NULL"


def test_the_fault_of_one_part_names_its_path():
    with pytest.raises(Rejected) as caught:
        READERS["two"].key_of(None, b'{"a":"x","b":"7"}')

    assert (caught.value.reason.field_path, caught.value.reason.shape) == ("$.b", "string 1 9")


def test_a_fraction_or_a_huge_number_elsewhere_does_not_cost_the_key():
    for number in (b"1e400", b"1e5", b"-0.0", b"9" * 4000):
        assert READERS["two"].key_of(None, b'{"n":%b,"a":"x","b":7}' % number) == b'["x",7]'
        assert READERS["one"].key_of(None, b'{"n":%b,"a":"x"}' % number) == b'["x"]'
        assert READERS["one"].key_of(None, BOM + b'{"n":%b,"a":"x"}' % number) == b'["x"]'


@pytest.mark.parametrize("name", ["record", "record two"])
@pytest.mark.parametrize(
    "raw",
    [b'{"a":"x","a":"x","b":7}', b'{"a":"x","\\u0061":"y","b":7}', b'{"a":"y","b":7,"c":{"d":1,"d":2}, "a":"z"}'],
)
def test_a_record_key_that_names_a_member_twice_names_nobody(name, raw):
    assert code_of(lambda: READERS[name].key_of(raw, None)) == "JSON_DUPLICATE_KEY"


def test_a_value_that_names_its_key_twice_has_the_last_and_is_refused_when_it_is_decoded():
    assert READERS["one"].key_of(None, b'{"a":"x","a":"y"}') == b'["y"]'


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'{"payload":{"before":null,"after":{"a":"x"}}}', b'["x"]'),
        (b'{"before":{"a":"old"},"after":{"a":"new"}}', b'["new"]'),
        (b'{"before":{"a":"old"},"after":null,"op":"d"}', b'["old"]'),
        (b'{"schema":{"fields":["a"]},"payload":{"before":{"a":"x"},"after":null}}', b'["x"]'),
    ],
)
def test_debezium_s_key_is_of_the_new_row_and_else_of_the_old(raw, key):
    assert READERS["debezium"].key_of(None, raw) == key


@pytest.mark.parametrize(
    "raw", [b'{"a":"x"}', b'{"payload":{"a":"x"}}', b'{"schema":{"field":"a"},"payload":{"a":"x"}}']
)
def test_a_record_key_may_be_wrapped_with_its_schema(raw):
    assert READERS["record"].key_of(raw, None) == b'["x"]'


TEXT = reader("$.id", record_key="text")
NUMBER = reader("$.id:int", record_key="text")


def test_a_record_key_may_be_plain_text():
    assert TEXT.key_of(b"u 1", b"{}") == b'["u 1"]'
    assert TEXT.key_of(b'{"id":1}', b"{}") == b'["{\\"id\\":1}"]'
    assert NUMBER.key_of(b"-7", None) == b"[-7]"
    assert TEXT.key_of(b"", None) == b'[""]'
    assert [code_of(lambda: NUMBER.key_of(b"07", None)), code_of(lambda: TEXT.key_of(b"\xff", None))] == [
        "KEY_INVALID"
    ] * 2
    assert code_of(lambda: TEXT.key_of(b"a\0", None)) == "KEY_INVALID"


@pytest.mark.parametrize("record_key", ["text", ["$.id"]])
def test_a_document_must_name_the_entity_of_its_record_key(record_key):
    found = reader("$.id", record_key=record_key)

    found.check(b'["7"]', {"id": "7"})
    found.check(b'["7"]', {"other": 1})
    found.check(b'["7"]', {"id": None})
    for wrong in ("8", 7, Decimal(7), True, ["7"], {"id": "7"}, "\0", "x" * 600):
        assert code_of(lambda wrong=wrong: found.check(b'["7"]', {"id": wrong})) == "KEY_MISMATCH"


def test_a_number_is_not_the_text_of_its_digits():
    found = reader("$.id:int", record_key=["$.id"])

    found.check(b"[7]", {"id": 7})
    for wrong in ("7", Decimal("7.0"), True, 1 << 64):
        assert code_of(lambda wrong=wrong: found.check(b"[7]", {"id": wrong})) == "KEY_MISMATCH"


def test_every_part_counts_and_inner_ones_are_found():
    found = reader("$.a.b", "$.c:int", record_key=["$.b", "$.c"])

    found.check(b'["x",7]', {"a": {"b": "x"}, "c": 7})
    found.check(b'["x",7]', {"a": 5, "c": 7})
    assert code_of(lambda: found.check(b'["x",7]', {"a": {"b": "x"}, "c": 8})) == "KEY_MISMATCH"
    assert code_of(lambda: found.check(b'["x",7]', {"a": {"b": "y"}, "c": 7})) == "KEY_MISMATCH"


def test_where_the_key_comes_from_the_value_there_is_nothing_to_compare():
    READERS["one"].check(b'["7"]', {"a": "8"})
