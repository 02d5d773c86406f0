"""The mapping compiler: functions or faults with their places, for any text and any tree that a person may mean."""

import json
from collections.abc import Iterable
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from migration_core.errors import ConfigError, Rejected
from migration_core.mapping import CompiledStream, compile_mapping, load_mapping
from migration_core.mapping.model import ColumnType, SourcePart
from migration_core.records import Position
from tests.fuzz.target import Target, expect_places, expect_reject
from tests.unit.mappings import SIMPLE, column, needed, schema, table

_FILE = "migration.yaml"
_KINDS = ("int", "bigint", "decimal", "double", "date", "datetime", "timestamp", "time", "json", "enum", "varbinary")
_COLUMNS = [column(f"c_{kind}", kind, enum_values=("a", "b") if kind == "enum" else ()) for kind in _KINDS]
_SCHEMA = schema(
    table("users", needed("id"), column("name"), *_COLUMNS),
    table("devices", needed("user_id"), needed("serial"), column("name"), key=("user_id", "serial")),
    table("odd", needed("id"), column("x", "geometry"), needed("y"), unique=("y",), engine="MyISAM"),
)
_DOCUMENTS = [
    {},
    {"id": "k", "name": "x", "n": 5, "devices": [{"serial": "s", "name": None}, {"serial": "s"}]},
    {"id": "k", "name": {"id": []}, "devices": [[], 1]},
]


def _function(name: str) -> Any:
    if name.startswith("my:"):
        return str
    raise LookupError(name)


def _compile(text: str) -> None:
    try:
        mapping = load_mapping(text, file=_FILE)
    except ConfigError as error:
        expect_places(error, _FILE)
        return
    for target in (None, _SCHEMA):
        try:
            found = compile_mapping(mapping, schema=target, functions=_function)
        except ConfigError as error:
            expect_places(error, _FILE)
            continue
        for stream in found.streams.values():
            _use(stream)


def _use(stream: CompiledStream) -> None:
    for document in _DOCUMENTS:
        value = json.dumps(document).encode()
        try:
            stream.key_of(b'{"id": "k"}', value)
            change = stream.decode(None, value)
            if change.document is not None:
                rows = stream.rows(change.document, Position("t", 1, 2), None, 3)
                assert rows is None or len(rows) == len(stream.tables)
        except Rejected as error:
            expect_reject(error, "key", "decode", "transform")


def _text(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return  # told by the reader of the file
    _compile(text)


_WORDS = (
    "id", "name", "users", "devices", "topic", "format", "changes", "lanes", "key", "record_key", "op", "document",
    "filter", "tables", "columns", "each", "rest", "path", "type", "required", "default", "using", "values",
    "constant", "source", "encoding", "coerce", "zone", "control", "public", "image", "merge", "delete", "equals",
    "assertions", "sql", "by", "sum", "json", "debezium", "partial", "full", "text", "int", "enum", "epoch_ms",
    "iso8601", "sequence", "time", "my:f", "no.such:function", "$", "$.id", "$.name", "$^.id", "$.devices[*]",
    '$["a b"].c', "$.id.id", "SELECT 1", "'); --", "", "user_id", "serial", "streams", "target_schema", "validate",
    "newest", "longest_record",
    *(f"c_{kind}" for kind in _KINDS),
)  # fmt: skip
_scalars = (
    st.sampled_from(_WORDS)
    | st.none()
    | st.booleans()
    | st.integers(-2, 5000)
    | st.floats()
    | st.text(max_size=8)
    | st.integers()
)
_PLAUSIBLE: dict[str, tuple[object, ...]] = {
    "type": get_args(ColumnType),
    "source": get_args(SourcePart),
    "path": ("$.id", "$.name", "$.a.b", "$^.id", '$["a b"]', "$.devices[*]", "$"),
    "each": ("$.devices[*]", "$.a.b[*]", "$.name"),
    "key": (
        "id",
        "name",
        ["id", "name"],
        ["user_id"],
        "$.id",
        "$.name",
        ["$.id", "$.name"],
        {"path": "$.id", "type": "int"},
    ),
    "record_key": ("text", "$.id", ["$.id"], ["$.id", "$.name"]),
    "format": ("json", "debezium", "jsn"),
    "changes": ("full", "partial"),
    "validate": ("all", "newest"),
    "using": ("my:f", "no.such:function", "my"),
    "values": ({"a": "b"}, {"a": "a"}, {}),
    "rest": ("c_json", "name", "x"),
    "filter": ({"path": "$.a", "equals": [1, True, None]}, {"using": "my:f"}, {}),
    "op": ({"path": "$.op", "image": ["c"]}, {"path": "$.op", "merge": ["c"], "delete": ["c"]}),
    "constant": (None, "x", 1, True, 1.5),
    "default": (None, "x", 1, True),
}
"""What a person might write at a key; else a random change hardly ever leaves anything to compile."""
_trees = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
_RICH = """\
target_schema: shop
streams:
  users:
    topic: [legacy.users, legacy.more]
    format: json
    changes: partial
    lanes: 4
    key: [{path: $.id, type: string}]
    record_key: [$.id]
    op: {path: $.op, image: [c], merge: [u], delete: [d]}
    document: $.after
    filter: {path: $.kind, equals: [test, null]}
    control: reject
    tables:
      users:
        key: id
        rest: c_json
        columns:
          id: $.id
          name: {path: $.name, default: x, control: accept, public: true}
          c_int: {path: $.n, coerce: true}
          c_bigint: {source: sequence}
          c_decimal: {constant: 1, type: decimal}
          c_datetime: {path: $.at, type: iso8601, zone: utc}
          c_timestamp: {path: $.ms, type: epoch_ms}
          c_enum: {path: $.kind, type: enum, values: {A: a}}
          c_varbinary: {path: $.raw, type: bytes, encoding: hex}
      devices:
        each: $.devices[*]
        key: [user_id, serial]
        columns: {user_id: $^.id, serial: $.serial, name: {path: $.name, using: "my:f"}}
    assertions:
      all: {sql: SELECT COUNT(*) FROM users, each: "$.devices[*]", sum: $.n}
"""
_base = [YAML(typ="safe").load(text) for text in (SIMPLE, _RICH)]


@settings(database=None, deadline=None, derandomize=True, max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.data())
def any_tree(data: st.DataObject) -> None:
    """A good mapping in which a few nodes were replaced, removed, added or named otherwise."""
    tree = _copy(data.draw(st.sampled_from(_base)))
    for _ in range(data.draw(st.integers(0, 3))):
        _spoil(tree, data)
    _compile(json.dumps(tree, ensure_ascii=data.draw(st.booleans())))


def _copy(tree: Any) -> Any:
    return json.loads(json.dumps(tree))


def _spoil(node: Any, data: st.DataObject) -> None:
    while True:
        names = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        inner = node[name]
        if not isinstance(inner, dict | list) or data.draw(st.integers(0, 3)) == 0:
            break
        node = inner
    match data.draw(st.sampled_from(("plausible", "plausible", "replace", "remove", "add", "rename"))):
        case "plausible" if isinstance(node, dict):
            known = data.draw(st.sampled_from([name] if name in _PLAUSIBLE else sorted(_PLAUSIBLE)))
            node[known] = _copy(data.draw(st.sampled_from(_PLAUSIBLE[known])))
        case "remove":
            del node[name]
        case "add" if isinstance(node, dict):
            node[data.draw(st.sampled_from(_WORDS))] = data.draw(_trees)
        case "rename" if isinstance(node, dict):
            node[data.draw(st.sampled_from(_WORDS))] = node.pop(name)
        case _:
            node[name] = data.draw(_trees)


def texts() -> Iterable[bytes]:
    """Mappings, and files that only a machine would write."""
    yield SIMPLE.encode()
    yield _RICH.encode()
    yield from (b"", b"- 1", b"a: &a [*a]", b"a: !!binary x", b"a: !!python/object:os.system x", b"%YAML 9.9\n---\n{}")
    yield b"a: &a [1, 1]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 117))
    yield b"a: &a " + b"x" * 1000 + b"\nb: [" + b"*a," * 1000 + b"]\n"


TARGETS = [  # together 100,000: each costs many milliseconds
    Target("mapping", _text, texts, bar=70_000, longest=2048),
    Target(
        "mapping_tree", any_tree.hypothesis.fuzz_one_input, lambda: [bytes(range(256)) * 4], bar=30_000, longest=4096
    ),
]
