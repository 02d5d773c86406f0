"""Offsets as a person writes them are read exactly, or refused with what to write instead."""

import json

import pytest

from migration_core.errors import ConfigError
from snapshot_loader.offsets import read_offsets, with_topic_ids


def vector(text, *, exact=False, ids=None):
    found = with_topic_ids(read_offsets(text, exact=exact), {"a": "id-a", "b.c": "id-b"} if ids is None else ids)
    return [(one.topic, one.topic_id, one.partition, one.start_offset, one.end_offset) for one in found]


def test_words_name_partitions_with_their_window():
    assert vector("a:0=5-9, b.c:12=0-0") == [("a", "id-a", 0, 5, 9), ("b.c", "id-b", 12, 0, 0)]


def test_an_exact_export_ends_where_it_starts():
    assert vector("a:0=5,a:1=6-8", exact=True) == [("a", "id-a", 0, 5, 5), ("a", "id-a", 1, 6, 8)]


def test_a_file_may_hold_them_with_ids_and_epochs(tmp_path):
    file = tmp_path / "offsets.json"
    entry = {"topic": "z", "partition": 0, "start_offset": 5, "end_offset": 9, "topic_id": "given", "leader_epoch": 3}
    file.write_text(json.dumps([entry]), encoding="utf-8")

    assert vector(str(file)) == [("z", "given", 0, 5, 9)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:0=5", "a:0 has no end offset"),
        ("a:0=x-9", "write topic:partition=start-end"),
        ("a=5-9", "write topic:partition=start-end"),
        ("a:0=5-9,", "write topic:partition=start-end"),
        ("a:0=9-5", "end_offset 5 is before start_offset 9"),
        ("q:0=5-9", "the cluster has no topic q"),
        ("nowhere.json", "nowhere.json: No such file"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text, said):
    with pytest.raises(ConfigError, match=said):
        vector(text)


@pytest.mark.parametrize("content", ["{}", "[1]", "[", '[{"topic": "a", "partition": 0, "end_offset": 5}]'])
def test_a_file_that_holds_something_else_is_refused(tmp_path, content):
    file = tmp_path / "offsets.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match="offsets"):
        vector(str(file))
