"""A manifest says exactly what its folder holds, or is refused with the place of every mistake."""

import json
from copy import deepcopy

import pytest

from migration_core.errors import SnapshotError
from migration_core.manifest import Manifest, parse, render

SHA256 = "0" * 64
WHOLE = {
    "version": 1,
    "created_at": "2026-11-21T09:30:00Z",
    "streams": [
        {
            "name": "users",
            "container": "kcat",
            "compression": "gzip",
            "partial": False,
            "topics": [
                {"topic": "legacy.users", "topic_id": "aB-_1", "partition": 0, "start_offset": 5, "end_offset": 9,
                 "leader_epoch": 3}
            ],
            "parts": [
                {"file": "users-1.gz", "rows": 2, "bytes": 40, "decompressed_bytes": 90, "sha256": SHA256},
                {"file": "more/users-2.gz", "rows": 0, "bytes": 20, "decompressed_bytes": 0, "sha256": SHA256},
            ],
        }
    ],
}  # fmt: skip


def with_(path, value):
    """The whole manifest with one place changed; a value of ... removes it."""
    changed = deepcopy(WHOLE)
    node = changed
    for step in path[:-1]:
        node = node[step]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return json.dumps(changed)


PART, TOPIC, STREAM = ("streams", 0, "parts", 0), ("streams", 0, "topics", 0), ("streams", 0)


def test_what_is_rendered_is_parsed_to_the_same():
    manifest = parse(json.dumps(WHOLE), file="manifest.json")

    assert parse(render(manifest), file="manifest.json") == manifest
    assert manifest.stream("users", file="m").rows == 2
    assert manifest.stream("users", file="m").topics[0].leader_epoch == 3


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("version",), 2, "$.version is 2"),
        (("version",), ..., "$.version is none"),
        (("created_at",), "2026-11-21T09:30:00", "$.created_at: "),
        (("created_at",), "yesterday", "$.created_at: "),
        (("streams",), [], "$: SNAP_MANIFEST: streams is empty"),
        (("streams",), {}, "$.streams: "),
        (("extra",), 1, "$.extra: "),
        ((*STREAM, "name"), "", "$.streams[0].name: "),
        ((*STREAM, "container"), "csv", "$.streams[0]: container 'csv' is unknown: write one of kcat, ndjson"),
        ((*STREAM, "compression"), "lz4", "$.streams[0].compression: "),
        ((*STREAM, "partial"), "yes", "$.streams[0].partial: "),
        ((*STREAM, "topics"), [], "$.streams[0]: SNAP_MANIFEST: topics and parts may not be empty"),
        ((*STREAM, "parts"), [], "$.streams[0]: SNAP_MANIFEST: topics and parts may not be empty"),
        ((*STREAM, "parts"), [WHOLE["streams"][0]["parts"][0]] * 2, "$.streams[0]: file users-1.gz is named twice"),
        ((*STREAM, "topics"), [WHOLE["streams"][0]["topics"][0]] * 2, "partition legacy.users[0] is named twice"),
        ((*TOPIC, "topic"), "", "$.streams[0].topics[0].topic: "),
        ((*TOPIC, "topic"), "a b", "$.streams[0].topics[0].topic: "),
        ((*TOPIC, "topic_id"), ..., "$.streams[0].topics[0].topic_id: "),
        ((*TOPIC, "partition"), -1, "$.streams[0].topics[0].partition: "),
        ((*TOPIC, "start_offset"), ..., "$.streams[0].topics[0].start_offset: "),
        ((*TOPIC, "start_offset"), "5", "$.streams[0].topics[0].start_offset: "),
        ((*TOPIC, "start_offset"), -1, "$.streams[0].topics[0].start_offset: "),
        ((*TOPIC, "end_offset"), 4, "$.streams[0].topics[0]: end_offset 4 is before start_offset 5"),
        ((*PART, "file"), "/etc/passwd", "$.streams[0].parts[0]: file must be a plain path"),
        ((*PART, "file"), "../users-1.gz", "$.streams[0].parts[0]: file must be a plain path"),
        ((*PART, "file"), "a/../../users-1.gz", "$.streams[0].parts[0]: file must be a plain path"),
        ((*PART, "file"), "..\\users-1.gz", "$.streams[0].parts[0]: file must be a plain path"),
        ((*PART, "file"), "users\n-1.gz", "$.streams[0].parts[0]: file must be a plain path"),
        ((*PART, "file"), "./users-1.gz", "shortest form"),
        ((*PART, "file"), "manifest.json", "name of a part"),
        ((*PART, "rows"), 1.5, "$.streams[0].parts[0].rows: "),
        ((*PART, "rows"), 1 << 34, "$.streams[0].parts[0].rows: "),
        ((*PART, "rows"), 0, "SNAP_MANIFEST: 0 rows cannot have 90 bytes"),
        ((*PART, "decompressed_bytes"), 0, "SNAP_MANIFEST: 2 rows cannot have 0 bytes"),
        ((*PART, "decompressed_bytes"), 2 << 20, "SNAP_LIMIT: 40 bytes are to become 2097152, over 200 to 1"),
        ((*PART, "sha256"), "0" * 63, "$.streams[0].parts[0].sha256: "),
        ((*PART, "sha256"), "A" * 64, "$.streams[0].parts[0].sha256: "),
    ],
)
def test_a_mistake_is_named_with_its_place(path, value, said):
    with pytest.raises(SnapshotError) as refused:
        parse(with_(path, value), file="folder/manifest.json")

    assert said in str(refused.value)
    assert str(refused.value).startswith("folder/manifest.json: $")


def test_all_mistakes_are_named_at_once():
    broken = json.loads(with_((*PART, "rows"), -1))
    broken["streams"][0]["topics"][0]["partition"] = "0"

    with pytest.raises(SnapshotError) as refused:
        parse(json.dumps(broken), file="m")

    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"version": 1', "{}" * 2, "[" * 100_000, b"\xff\xfe{}"])
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(SnapshotError):
        parse(text, file="m")


def test_a_name_that_stands_twice_is_refused():
    text = json.dumps(WHOLE).replace('"rows": 2', '"rows": 9, "rows": 2')

    with pytest.raises(SnapshotError, match="'rows' stands twice"):
        parse(text, file="m")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda other: other.update(name="users"), "stream users is named twice"),
        (lambda other: other["topics"][0].update(topic="legacy.users"), "topic legacy.users belongs to two streams"),
        (lambda other: other["parts"][0].update(file="users-1.gz"), "file users-1.gz belongs to two streams"),
    ],
)
def test_streams_of_one_folder_share_nothing(change, said):
    both = deepcopy(WHOLE)
    other = deepcopy(WHOLE["streams"][0])
    other["name"] = "devices"
    other["topics"][0]["topic"] = "legacy.devices"
    other["parts"] = [other["parts"][0] | {"file": "devices.gz"}]
    both["streams"].append(other)
    parse(json.dumps(both), file="m")

    change(other)

    with pytest.raises(SnapshotError, match=said):
        parse(json.dumps(both), file="m")


def test_parts_without_compression_have_one_size():
    with pytest.raises(SnapshotError, match=r"parts\[0\] is not compressed"):
        parse(with_((*STREAM, "compression"), "none"), file="m")


def test_the_identity_of_a_snapshot_is_that_of_its_own_content():
    stream = parse(json.dumps(WHOLE), file="m").streams[0]
    pretty = parse(json.dumps(WHOLE | {"created_at": "2027-01-01T00:00:00Z"}, indent=9), file="m").streams[0]
    changed = parse(with_((*PART, "rows"), 3), file="m").streams[0]

    assert stream.sha256 == pretty.sha256
    assert stream.sha256 != changed.sha256


def test_a_stream_that_is_not_there_is_named_with_the_one_that_was_meant():
    manifest = parse(json.dumps(WHOLE), file="m")

    with pytest.raises(SnapshotError, match="no stream 'user': did you mean 'users'"):
        manifest.stream("user", file="m")


def test_a_manifest_is_frozen():
    manifest = parse(json.dumps(WHOLE), file="m")

    with pytest.raises(ValueError, match="frozen"):
        manifest.version = 2

    assert isinstance(manifest, Manifest)


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nmanifest.json: all is well", "\u2028", "\u202e"])
def test_words_of_the_manifest_stay_on_their_line_and_paint_no_terminal(name):
    for changed in (with_((*PART, name), 1), with_(("version",), name), with_(STREAM, {name: 1})):
        with pytest.raises(SnapshotError) as caught:
            parse(changed, file="manifest.json")

        for line in str(caught.value).split("\n"):
            assert line.startswith("manifest.json: $")
            assert line.isprintable()
