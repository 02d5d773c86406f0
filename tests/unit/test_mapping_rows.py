"""From a document to the rows of all its tables: children, the rest, the filter, functions, and names of any kind."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from migration_core.values.json_value import add_path, remainder
from tests.unit.mappings import SIMPLE, USERS, column, needed, one_column, rows, same, stream_of, table

FAMILY = """\
target_schema: shop
streams:
  users:
    topic: legacy.users
    key: $.id
    tables:
      users:
        key: id
        columns: {id: $.id, city: $.home.address.city, zip: $.home.address.zip}
        rest: more
      devices:
        each: $.home.devices[*]
        key: [user_id, serial]
        columns: {user_id: $^.id, serial: $.serial, room: $.place.room, city: $^.home.address.city}
      tags:
        each: $.tags[*]
        key: [user_id, tag]
        columns: {user_id: $^.id, tag: $}
"""
TABLES = (
    table("users", needed("id"), column("city"), column("zip", "int"), column("more", "json")),
    table(
        "devices", needed("user_id"), needed("serial", "int"), column("room"), column("city"), key=("user_id", "serial")
    ),
    table("tags", needed("user_id"), needed("tag"), key=("user_id", "tag")),
)


@pytest.fixture(scope="module")
def family():
    return stream_of(FAMILY, *TABLES)


def reason_of(act):
    with pytest.raises(Rejected) as caught:
        act()
    assert caught.value.reason.stage == "transform"
    return caught.value.reason.code, caught.value.reason.field_path


def test_one_document_becomes_rows_of_every_table(family):
    document = {
        "id": "u",
        "home": {
            "address": {"city": "Ulm", "zip": 89073, "floor": 2},
            "devices": [{"serial": 1, "place": {"room": "hall"}}, {"serial": 2}],
        },
        "tags": ["a", "b"],
        "since": Decimal("1.5"),
    }

    users, devices, tags = rows(family, document)

    assert users == [("u", "Ulm", 89073, '{"home":{"address":{"floor":2}},"since":1.5}')]
    assert devices == [("u", 1, "hall", "Ulm"), ("u", 2, None, "Ulm")]
    assert tags == [("u", "a"), ("u", "b")]


@pytest.mark.parametrize(
    "home", [{}, {"home": None}, {"home": {}}, {"home": {"address": None, "devices": None}}, {"home": {"devices": []}}]
)
def test_what_is_not_there_is_null_and_has_no_children(family, home):
    assert rows(family, {"id": "u", **home}) == ([("u", None, None, None)], [], [])


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        ({"home": 5}, "TYPE_MISMATCH", "$.home"),
        ({"home": {"address": "Ulm"}}, "TYPE_MISMATCH", "$.home.address"),
        ({"home": {"address": {"city": 5}}}, "TYPE_MISMATCH", "$.home.address.city"),
        ({"home": {"devices": {}}}, "TYPE_MISMATCH", "$.home.devices"),
        ({"home": {"devices": "x"}}, "TYPE_MISMATCH", "$.home.devices"),
        ({"home": {"devices": [5]}}, "TYPE_MISMATCH", "$.home.devices[*]"),
        ({"home": {"devices": [None]}}, "TYPE_MISMATCH", "$.home.devices[*]"),
        ({"home": {"devices": [{}]}}, "FIELD_MISSING", "$.home.devices[*].serial"),
        ({"home": {"devices": [{"serial": None}]}}, "FIELD_NULL", "$.home.devices[*].serial"),
        ({"home": {"devices": [{"serial": 1, "place": 2}]}}, "TYPE_MISMATCH", "$.home.devices[*].place"),
        ({"home": {"devices": [{"serial": 1}, {"serial": 1}]}}, "CHILD_DUPLICATE_KEY", "$.home.devices"),
        ({"tags": ["a", "b", "a"]}, "CHILD_DUPLICATE_KEY", "$.tags"),
        ({"tags": ["a", 1]}, "TYPE_MISMATCH", "$.tags[*]"),
        ({"n": 10**30}, "NUM_RANGE", "$"),
    ],
)
def test_a_fault_is_told_by_its_whole_path(family, document, code, path):
    assert reason_of(lambda: rows(family, {"id": "u", **document})) == (code, path)


def test_children_that_differ_in_letters_alone_are_two(family):
    assert rows(family, {"id": "u", "tags": ["a", "A", "á", "a "]})[2] == [("u", t) for t in ("a", "A", "á", "a ")]


def test_elements_that_say_nothing_of_their_own_key_are_at_most_one():
    text = FAMILY[: FAMILY.index("      tags:")].replace("[user_id, serial]", "user_id").replace(
        "columns: {user_id: $^.id, serial", "columns: {user_id: $^.id, number"
    )  # fmt: skip
    stream = stream_of(text.replace("number: $.serial", "number: {path: $.serial, type: int}"))

    assert rows(stream, {"id": "u", "home": {"devices": [{"serial": 1}]}})[1] == [("u", 1, None, None)]
    code = reason_of(lambda: rows(stream, {"id": "u", "home": {"devices": [{"serial": 1}, {"serial": 2}]}}))[0]
    assert code == "CHILD_DUPLICATE_KEY"


TREES = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple), max_size=4)


@given(st.dictionaries(st.sampled_from("abc"), TREES, max_size=3), PATHS)
def test_the_rest_is_what_no_path_reaches(document, paths):
    tree = {}
    for names in paths:
        add_path(tree, names)

    left = dict(leaves(remainder(document, tree)))

    reached = {names for names, _ in leaves(document) if any(names[: len(path)] == path for path in paths)}
    assert left == {names: leaf for names, leaf in leaves(document) if names not in reached and not cut(names, paths)}


def leaves(node, names=()):
    """Every value that is no object, by its path."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, (*names, name))
        else:
            yield (*names, name), value


def cut(names, paths):
    """A leaf where the mapping looks for an object: a null, since everything else is rejected."""
    return any(path[: len(names)] == names for path in paths)


FILTERED = SIMPLE.replace(
    "    tables:", "    filter: {path: $.state.name, equals: [gone, 1, false, null]}\n    tables:"
)


@pytest.mark.parametrize(
    ("state", "left_out"),
    [
        ("gone", True),
        (1, True),
        (False, True),
        (None, True),
        ("Gone", False),
        (True, False),
        (0, False),
        ("1", False),
        (Decimal(1), False),
        (["gone"], False),
        ({"gone": 1}, False),
    ],
)
def test_the_filter_leaves_out_what_equals_a_word_of_its_own_type(state, left_out):
    found = rows(stream_of(FILTERED, USERS), {"id": "u", "state": {"name": state}})

    assert (found is None) is left_out


@pytest.mark.parametrize("document", [{}, {"state": None}, {"state": 5}, {"state": {}}])
def test_for_the_filter_what_is_absent_is_null(document):
    assert rows(stream_of(FILTERED, USERS), {"id": "u", **document}) is None


def test_a_filter_may_call_a_function():
    text = SIMPLE.replace("    tables:", "    filter: {using: my:f}\n    tables:")

    def boring(document):
        return document["name"].startswith("test")

    stream = stream_of(text, USERS, functions=lambda _: boring)

    assert rows(stream, {"id": "u", "name": "test 1"}) is None
    assert rows(stream, {"id": "u", "name": "Ana"}) == ([("u", "Ana")],)
    assert reason_of(lambda: rows(stream, {"id": "u"})) == ("FUNCTION_FAILED", "$")


def test_a_filter_s_function_may_reject():
    def strict(_document):
        raise Rejected("STATE_ODD", detail="no state")

    stream = stream_of(
        SIMPLE.replace("    tables:", "    filter: {path: $.s, using: my:f}\n    tables:"), functions=lambda _: strict
    )

    assert reason_of(lambda: rows(stream, {"id": "u"})) == ("STATE_ODD", "$.s")


JSON_TEXT = column("v", "longtext")


def using(function, target):
    described = "{path: $.v, type: json, using: my:f}" if target is JSON_TEXT else "{path: $.v, using: my:f}"
    return one_column(described, target, functions=lambda _: function)


def test_a_column_function_sees_values_and_not_what_is_missing():
    seen = []
    value = using(lambda given_: seen.append(given_) or "x", column("v"))

    assert [value({"v": one}) for one in ("a", 1, [None], None)] + [value({})] == ["x", "x", "x", None, None]
    assert seen == ["a", 1, [None]]


def test_a_column_function_s_answer_is_checked_like_any_value():
    assert reason_of(lambda: using(lambda _: "abcd", column("v", length=3))({"v": 1})) == ("STR_TOO_LONG", "$.v")
    assert reason_of(lambda: using(lambda _: None, column("v", nullable=False))({"v": 1})) == ("FIELD_NULL", "$.v")
    assert reason_of(lambda: using(lambda _: 7, column("v"))({"v": 1})) == ("TYPE_MISMATCH", "$.v")
    assert using(lambda _: None, column("v"))({"v": 1}) is None


def test_a_column_function_that_fails_rejects_the_value_without_telling_it():
    def failing(given_):
        raise ValueError(f"cannot read {given_}")

    with pytest.raises(Rejected) as caught:
        using(failing, column("v"))({"v": "SECRET"})

    reason = caught.value.reason
    assert (reason.code, reason.field_path, reason.shape) == ("FUNCTION_FAILED", "$.v", "string 5..16 A")
    assert "SECRET" not in f"{caught.value}{reason}"


def test_a_function_that_gets_no_memory_is_no_fault_of_the_value():
    def greedy(_given):
        raise MemoryError

    with pytest.raises(MemoryError):
        using(greedy, column("v"))({"v": 1})


def test_a_column_function_may_name_its_own_code():
    def picky(_given):
        raise Rejected("CLOCK_INVALID", stage="other", field_path="$.elsewhere", detail="no clock")

    assert reason_of(lambda: using(picky, column("v"))({"v": 1})) == ("CLOCK_INVALID", "$.v")


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("\ud800", column("v")),
        (Decimal("NaN"), column("v", "decimal")),
        (Decimal("Infinity"), column("v", "double")),
        ({1, 2}, column("v", "json")),
        ([(1, 2)], JSON_TEXT),
        ({"a": "\ud800"}, column("v", "json")),
        (object(), column("v", "json")),
    ],
)
def test_what_only_a_function_can_make_is_a_reject_and_no_crash(answer, target):
    assert reason_of(lambda: using(lambda _: answer, target)({"v": 1})) == ("FUNCTION_FAILED", "$.v")


def test_a_function_s_not_a_number_never_becomes_null():
    assert reason_of(lambda: using(lambda _: {"a": float("nan")}, column("v", "json"))({"v": 1})) == (
        "NUM_OVERFLOW",
        "$.v",
    )


HOSTILE = [
    '"""',
    "'); raise SystemExit(1) #",
    "x' or 1 #\n    import os",
    "\\",
    "\\'",
    "{v}",
    "{__import__}",
    "%s",
    "`",
    "a`; DROP TABLE users; --",
    "\u2028",
    "\r\n",
    "\0",
    "ключ",
    "d",
    "position",
    "M",
    "class",
    "__class__",
    "payload",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_code(name):
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    path = f'$["{quoted}"]'

    def yaml(text):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'

    text = SIMPLE.replace("name: $.name", f"{yaml(name + 'x')}: {{path: {yaml(path + '.in')}, type: string}}")
    text += (
        f"      {yaml(name)}:\n        each: {yaml(path + '.list[*]')}\n"
        f"        key: [{yaml(name)}, {yaml(name + 'k')}]\n"
        f"        columns:\n          {yaml(name)}: $^.id\n          {yaml(name + 'k')}: {yaml(path)}\n"
    )
    tables = (
        table("users", needed("id"), column(name + "x")),
        table(name, needed(name), needed(name + "k"), key=(name, name + "k")),
    )

    stream = stream_of(text, *tables)

    assert rows(stream, {"id": "u", name: {"in": "v", "list": [{name: "e"}]}}) == ([("u", "v")], [("u", "e")])
    assert stream.tables[1].columns == (name, name + "k")
    assert reason_of(lambda: rows(stream, {"id": "u", name: {"in": 5}}))[1].startswith("$")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_a_member_of_any_name_is_found_and_told(name):
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    written = "".join(f"\\U{ord(character):08x}" for character in f'$["{quoted}"]')
    stream = stream_of(
        SIMPLE.replace("name: $.name", f'name: "{written}"')
        .replace("id: $.id", "id: $.the_id")
        .replace("key: $.id", "key: $.the_id")
    )

    assert rows(stream, {"the_id": "u", name: "v"} if name != "the_id" else {name: "v"})[0][0][1] == "v"


@given(
    st.dictionaries(st.sampled_from(["id", "name"]), st.none() | st.text(max_size=4) | st.integers() | st.booleans())
)
def test_rows_never_changes_its_document(document):
    stream = stream_of_same()
    before = dict(document)

    with suppress(Rejected):
        rows(stream, document)

    assert document == before


def stream_of_same():
    return stream_of(SIMPLE.replace("name: $.name", "name: {path: $, type: json, using: my:same}"), functions=same)
