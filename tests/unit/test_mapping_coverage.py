"""What a mapping leaves behind of real documents is named, with how often it occurs."""

import pytest

from migration_core.mapping import Uncovered, load_mapping, uncovered_paths
from tests.unit.mappings import SIMPLE

CHILD = """\
      devices:
        each: $.home.devices[*]
        key: [user_id, serial]
        columns: {user_id: $^.id, serial: $.serial, room: $.place.room}
"""


def left(text, *documents):
    stream = load_mapping(text, file="m").model.streams["users"]
    return [(one.path, one.documents) for one in uncovered_paths(stream, documents)]


def test_members_that_a_column_or_the_key_takes_are_covered():
    assert (
        left(
            SIMPLE.replace("id: $.id", "id: $.id").replace("name: $.name", "name: {path: $.a.b}"),
            {"id": 1, "a": {"b": 2}},
        )
        == []
    )


def test_others_are_counted_by_document_and_the_most_frequent_come_first():
    assert left(SIMPLE, {"id": 1, "x": 1, "y": 1}, {"y": {"z": 2}}, {"name": 1, "odd name": 3}) == [
        ("$.y", 2),
        ("$.x", 1),
        ('$["odd name"]', 1),
    ]


def test_of_an_object_that_nobody_takes_only_its_own_path_is_told():
    assert left(SIMPLE, {"a": {"b": {"c": 1}, "d": 2}}) == [("$.a", 1)]


def test_of_an_object_that_columns_look_into_the_other_members_are_told():
    assert left(SIMPLE.replace("$.name", "$.a.b.c"), {"a": {"b": {"c": 1, "x": 1}, "y": 1}}) == [
        ("$.a.b.x", 1),
        ("$.a.y", 1),
    ]


def test_elements_count_once_a_document():
    document = {"home": {"devices": [{"serial": 1, "x": 1}, {"serial": 2, "x": 1, "place": {"y": 1}}], "z": 1}}

    assert left(SIMPLE + CHILD, document) == [
        ("$.home.devices[*].place.y", 1),
        ("$.home.devices[*].x", 1),
        ("$.home.z", 1),
    ]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"home": {"devices": {"a": 1}}}, "$.home.devices"),
        ({"home": {"devices": [5]}}, "$.home.devices[*]"),
        ({"home": 5}, "$.home"),
    ],
)
def test_a_value_of_another_shape_is_not_covered(document, path):
    assert left(SIMPLE + CHILD, document) == [(path, 1)]


@pytest.mark.parametrize("document", [{"x": None}, {"home": None}, {"home": {}}, {"home": {"devices": []}}])
def test_where_there_is_nothing_nothing_is_left(document):
    assert left(SIMPLE + CHILD, document) == ([("$.x", 1)] if "x" in document else [])


def test_a_column_for_the_rest_takes_all_but_what_is_in_lists_of_rows():
    text = (
        SIMPLE.replace("        columns:", "        rest: more\n        columns:", 1).replace("$.name", "$.a.name")
        + CHILD
    )

    assert left(text, {"x": 1, "a": {"name": 1, "y": 1}, "home": {"z": 1, "devices": [{"serial": 1, "w": 1}]}}) == [
        ("$.home.devices[*].w", 1)
    ]


def test_the_filter_s_member_is_covered():
    assert (
        left(SIMPLE.replace("    tables:", "    filter: {path: $.state, equals: [x]}\n    tables:"), {"state": "x"})
        == []
    )


def test_what_a_function_may_read_is_told_as_perhaps():
    text = SIMPLE.replace("name: $.name", "name: {path: $, using: my:f}")
    stream = load_mapping(text, file="m").model.streams["users"]

    assert uncovered_paths(stream, [{"id": 1, "x": 1}]) == [Uncovered("$.x", 1, perhaps=True)]


def test_a_whole_document_in_a_json_column_covers_everything():
    assert left(SIMPLE.replace("name: $.name", "name: {path: $, type: json}"), {"x": {"y": 1}}) == []
