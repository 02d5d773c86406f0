"""Record formats, snapshot containers and key finding: a change or a documented reject, and never another meaning."""

import json
from base64 import b64decode
from decimal import Decimal

import msgspec

from migration_core.containers import CONTAINERS
from migration_core.containers.kcat import render
from migration_core.errors import Rejected
from migration_core.formats import FormatOptions, RecordFormat, record_format
from migration_core.headers import decode_headers
from migration_core.json_text import BOM
from migration_core.key import LONGEST_KEY, canonical, parts_of
from migration_core.mapping.keys import KeyReader
from migration_core.mapping.path import parse_path
from migration_core.records import Op, Received
from tests.fuzz import seeds
from tests.fuzz.reference import Refused, repeated, strict_object
from tests.fuzz.target import Target, expect_reject

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode

_OPS = {"c": Op.IMAGE, "u": Op.IMAGE, "m": Op.MERGE, "d": Op.DELETE}
_JSON = [
    record_format("json", FormatOptions()),
    record_format("json", FormatOptions(partial=True, op_path=("op",), ops=_OPS, document=("after",))),
    record_format("json", FormatOptions(document=("payload", "after"), longest=200)),
]
_DEBEZIUM = record_format("debezium", FormatOptions())


def _json(data: bytes) -> None:
    whole, *inner = _JSON
    change = _decoded(whole, data)
    try:
        wanted = strict_object(data)
    except Refused as refused:
        assert change is None, f"accepted, but {refused}"
    else:
        assert change == wanted
        assert _decode(_encode(change)) == wanted
    for one in inner:
        _decoded(one, data)


def _decoded(format_: RecordFormat, data: bytes) -> object:
    """The document, or None for a reject or a delete without one."""
    try:
        change = format_.decode(data)
    except Rejected as error:
        expect_reject(error, "decode")
        return None
    assert change.document is None or type(change.document) is dict
    assert change.document is not None or change.op is Op.DELETE
    return change.document


def _debezium(data: bytes) -> None:
    document = _decoded(_DEBEZIUM, data)
    if document is not None:
        whole = strict_object(data)
        envelope = whole.get("payload", whole)
        assert document in (envelope.get("after"), envelope.get("before"))


def _kcat(data: bytes) -> None:
    try:
        record = CONTAINERS["kcat"](data, 7)
    except Rejected as error:
        assert expect_reject(error, "container") == "SNAP_PARSE"
        return
    assert record.source_offset == 7
    _expect_as_written(data, record)
    # The same record, written anew, is the same record: no byte of it was made up or mended.
    again = render("topic", 0, record, decode_headers(record.headers))
    assert again.count(b"\n") == 1
    assert CONTAINERS["kcat"](again[:-1], 7) == record


_OF_KCAT = ("payload", "payload_b64", "key", "key_b64", "ts", "tstype", "headers")


def _expect_as_written(line: bytes, record: Received) -> None:
    """What the standard library reads of the line, in which nothing that counts may have its name twice."""
    try:
        pairs = json.loads(line.removeprefix(BOM).decode(), object_pairs_hook=list)
    except ValueError:
        return  # a number of more digits than Python converts, in a member that does not count
    fields = dict(pairs)
    names = [name for name, _ in pairs if name in _OF_KCAT]
    assert len(set(names)) == len(names)
    for name, found in (("payload", record.value), ("key", record.record_key)):
        if fields.get(f"{name}_b64") is not None:
            assert found == b64decode(fields[f"{name}_b64"])
        else:
            assert found == (None if fields.get(name) is None else fields[name].encode())


def _ndjson(data: bytes) -> None:
    assert CONTAINERS["ndjson"](data, 7)[:4] == (7, None, data, None)


def _reader(parts: list[tuple[str, str]], record_key: object, documents: tuple[tuple[str, ...], ...]) -> KeyReader:
    paths = [(parse_path(path), kind) for path, kind in parts]
    keys = [parse_path(path) for path in record_key] if isinstance(record_key, list) else record_key
    return KeyReader(paths, keys, documents)


_ID = [("$.id", "string")]
_TWO = [("$.a.b", "int"), ('$["c d"]', "string")]
_READERS = [
    (_ID, None, ((),)),
    (_ID, None, _DEBEZIUM.documents()),
    (_TWO, None, ((),)),
    ([("$.id", "string"), ("$.id.id", "int")], None, ((),)),
    (_ID, ["$.id"], ()),
    (_TWO, ["$.id", "$.a.n"], ()),
]
_PAIRS = [(_reader(*one), _reader(*one)) for one in _READERS]
for _, _slow in _PAIRS:
    _slow._finder._fast = None
_TEXTS = [_reader([("$.id", kind)], "text", ()) for kind in ("string", "int")]
_UNREADABLE = ("NUM_", "PARSE_", "ENC_", "JSON_")


def _keys(data: bytes) -> None:
    for quick, slow in _PAIRS:
        found, wanted = _key(quick, data), _key(slow, data)
        if found != wanted:
            # Only members that hold the key are decoded, so what is wrong elsewhere is found later, by the decoder.
            assert isinstance(found, bytes) or found.startswith("KEY_"), (found, wanted)
            assert isinstance(wanted, str)
            assert wanted.startswith(_UNREADABLE), wanted
            _expect_wrong_elsewhere(quick, data, wanted)
    for one in _TEXTS:
        _key(one, data)


def _expect_wrong_elsewhere(reader: KeyReader, data: bytes, code: str) -> None:
    if code == "JSON_DUPLICATE_KEY" and reader.from_record_key:
        # Nothing decodes a record key later, so a name that leads to the key must not come twice.
        assert not repeated(data) & {name for place in reader._finder._places for names in place for name in names}
    try:
        strict_object(data)
    except Refused:
        return
    raise AssertionError(f"a good text has no key by {code}")


def _key(reader: KeyReader, data: bytes) -> bytes | str:
    """The key, or the code of the reject."""
    try:
        found = reader.key_of(data, data)
    except Rejected as error:
        return expect_reject(error, "key")
    assert len(found) <= LONGEST_KEY
    assert canonical(parts_of(found)) == found
    return found


TARGETS = [
    Target("json", _json, lambda: seeds.values("json")),
    Target("debezium", _debezium, lambda: seeds.values("debezium")),
    Target("kcat", _kcat, seeds.lines),
    Target("ndjson", _ndjson, seeds.lines),
    Target(
        "keys", _keys, lambda: [*seeds.record_keys(), *seeds.values("json"), *seeds.values("debezium")], bar=300_000
    ),
]
