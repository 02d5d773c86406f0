"""Which snapshots may be loaded behind a cut."""

import pytest

from migration_core.cut import CutOffset, expect_behind
from migration_core.errors import ConfigError
from migration_core.manifest import Part, StreamSnapshot, TopicOffsets

CUT = [CutOffset(11, "legacy.users", "id", 0, 100), CutOffset(12, "legacy.users", "id", 1, 200)]
PART = Part(file="a", rows=0, bytes=0, decompressed_bytes=0, sha256="0" * 64)


def snapshot(*topics: TopicOffsets, partial: bool = False) -> StreamSnapshot:
    return StreamSnapshot(name="users", container="ndjson", partial=partial, topics=topics, parts=(PART,))


def at(partition: int, start: int, end: int | None = None, **changed: object) -> TopicOffsets:
    known = {"topic": "legacy.users", "topic_id": "id", "partition": partition, "start_offset": start}
    return TopicOffsets(**(known | {"end_offset": start if end is None else end} | changed))


def test_a_snapshot_that_begins_at_the_cut_or_behind_it_gives_its_start_offsets():
    found = expect_behind(CUT, snapshot(at(0, 100), at(1, 250, 300)), partial=False)

    assert found == {11: 100, 12: 250}


@pytest.mark.parametrize(
    ("topics", "words"),
    [
        ((at(0, 100), at(1, 199)), "begins at offset 199, and records up to 200 lie before the cut"),
        ((at(0, 100),), r"no offset for legacy.users\[1\]"),
        ((at(0, 100), at(1, 200), at(2, 0)), r"legacy.users\[2\], which the stream does not read"),
        ((at(0, 100), at(1, 200, topic_id="new")), "topic was made anew"),
    ],
)
def test_a_snapshot_that_would_lose_or_undo_changes_is_refused(topics, words):
    with pytest.raises(ConfigError, match=words):
        expect_behind(CUT, snapshot(*topics), partial=False)


def test_partial_changes_take_documents_of_one_moment_only():
    assert expect_behind(CUT, snapshot(at(0, 100), at(1, 250)), partial=True) == {11: 100, 12: 250}
    with pytest.raises(ConfigError, match="start = end"):
        expect_behind(CUT, snapshot(at(0, 100), at(1, 250, 251)), partial=True)
    with pytest.raises(ConfigError, match="needs full documents"):
        expect_behind(CUT, snapshot(at(0, 100), at(1, 250), partial=True), partial=True)
