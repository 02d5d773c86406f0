"""What the master may read, from where, and when it must call a person."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.ingest import SourceOffset
from kafka_log.reader import Start
from kafka_log.watermarks import Retention, TopicDescription, Watermark
from migration_core.fingerprint import fingerprint
from migration_core.records import Received
from migration_master.sources import View, examine, readable, start_of, to_reread, vanishing

LAST = Received(9, b"k", b"v", None, 1, 1)
SOURCE = SourceOffset(
    source_id=1, stream="users", topic="t", topic_id="id", partition=0, start_offset=0, end_offset=0, next_offset=10,
    leader_epoch=3, last_offset=9, last_sha256=fingerprint(LAST), halted=None,
)  # fmt: skip
MARK = Watermark(low=0, high=20, last_stable=20, leader_epoch=3)
KEPT = Retention(compacted=False, kept=timedelta(days=7), tombstones_kept=timedelta(days=1))


def view(mark: Watermark | None = MARK, **changes: object) -> View:
    marks = {("t", 0): mark} if mark else {}
    found = View({"t": TopicDescription("t", "id", (0,))}, marks, {"t": KEPT}, {("t", 0): LAST})
    return replace(found, **changes)


def halts(source: SourceOffset, seen: View) -> list[tuple[str, int, int]]:
    return [(halt.reason, halt.from_offset, halt.to_offset) for halt in examine([source], (), seen).halts]


def test_a_log_as_it_was_left_may_be_read_on():
    found = examine([SOURCE], (), view())

    assert (found.halts, found.added, found.refused) == ([], [], {})


@pytest.mark.parametrize(
    ("seen", "says", "first", "last"),
    [
        (view(replace(MARK, low=11)), "records from 10 to 10 were removed", 10, 11),
        (view(replace(MARK, low=15)), "records from 10 to 14 were removed", 10, 15),
        (view(replace(MARK, high=9)), "the log ends at 9", 9, 10),
        (view(reread={("t", 0): LAST._replace(value=b"w")}), "at offset 9 stands another record", 9, 10),
        (view(topics={"t": TopicDescription("t", "other", (0,))}), "made anew", 10, 10),
        (view(topics={}), "the topic does not exist", 10, 10),
        (view(None), "the partition does not exist", 10, 10),
    ],
)
def test_what_is_lost_is_named_with_its_range_and_its_remedy(seen, says, first, last):
    ((reason, halted_from, halted_to),) = halts(SOURCE, seen)

    assert reason.startswith("t[0]: ")
    assert says in reason
    assert "migration source accept-gap t 0" in reason
    assert (halted_from, halted_to) == (first, last)


@pytest.mark.parametrize("seen", [view(replace(MARK, low=10)), view(replace(MARK, high=10)), view(reread={})])
def test_the_very_edges_and_a_compacted_last_record_are_no_loss(seen):
    assert halts(SOURCE, seen) == []


def test_a_partition_that_is_halted_already_is_not_judged_again():
    assert halts(replace(SOURCE, halted="before"), view(replace(MARK, low=15))) == []


def test_added_partitions_are_found_once_each():
    described = {"t": TopicDescription("t", "id", (0, 1, 2))}
    known = replace(SOURCE, source_id=2, partition=1, halted="added")

    found = examine([SOURCE, known], (), view(topics=described, marks={("t", 0): MARK, ("t", 1): MARK}))

    assert [(one.stream, one.topic, one.partition) for one in found.added] == [("users", "t", 2)]
    assert "accept-partitions t" in found.added[0].reason


def test_compaction_is_refused_for_partial_changes_only():
    compacted = view(retention={"t": replace(KEPT, compacted=True)})

    assert examine([SOURCE], {"users"}, compacted).refused.keys() == {"users"}
    assert examine([SOURCE], (), compacted).refused == {}


def test_only_a_record_that_the_log_still_holds_is_read_again():
    assert to_reread([SOURCE], {("t", 0): MARK}) == {("t", 0): 9}
    assert to_reread([SOURCE], {("t", 0): replace(MARK, low=10)}) == {}
    assert to_reread([SOURCE], {("t", 0): replace(MARK, last_stable=9)}) == {}
    assert to_reread([replace(SOURCE, last_offset=None)], {("t", 0): MARK}) == {}


def test_one_halted_partition_stops_its_stream_and_no_other():
    halted = replace(SOURCE, source_id=2, partition=1, halted="gap")
    other = replace(SOURCE, source_id=3, stream="devices", topic="d")

    assert readable([SOURCE, halted, other], (), {}) == [other]
    assert readable([SOURCE, other], {"devices"}, {}) == [SOURCE]


@given(st.integers(0, 20), st.integers(0, 20))
def test_accepted_partitions_wait_for_every_old_one(first, second):
    old = [replace(SOURCE, source_id=p, partition=p, next_offset=n) for p, n in ((0, first), (1, second))]
    new = replace(SOURCE, source_id=2, partition=2, next_offset=0)

    reading = readable([*old, new], (), {2: {0: 10, 1: 7}})

    assert (new in reading) == (first >= 10 and second >= 7)
    assert old == reading[:2]


class TestWhereReadingBegins:
    def test_right_behind_the_last_record_with_its_epoch(self):
        assert start_of(SOURCE, MARK) == Start("t", 0, 10, 3)

    def test_below_next_offset_when_only_markers_follow_the_record(self):
        # At 14 another epoch may hold already, and epoch 3 would look as if it had been cut off at 10.
        assert start_of(replace(SOURCE, next_offset=14), MARK) == Start("t", 0, 10, 3)

    def test_without_an_epoch_when_that_place_is_gone(self):
        assert start_of(replace(SOURCE, next_offset=14), replace(MARK, low=12)) == Start("t", 0, 14, None)

    def test_at_the_captured_offset_before_the_first_record(self):
        fresh = replace(SOURCE, start_offset=10, last_offset=None, last_sha256=None)

        assert start_of(fresh, MARK) == Start("t", 0, 10, 3)

    def test_without_an_epoch_where_none_is_known(self):
        assert start_of(replace(SOURCE, leader_epoch=None, last_offset=None), MARK) == Start("t", 0, 10, None)


@pytest.mark.parametrize(
    ("kept", "partial", "hours", "limit"),
    [
        (KEPT, False, 83, None),
        (KEPT, False, 85, timedelta(days=7)),
        (replace(KEPT, compacted=True, kept=None), False, 13, timedelta(days=1)),  # tombstones go first
        (replace(KEPT, compacted=True, kept=None), True, 13, None),
        (replace(KEPT, kept=None), False, 10_000, None),
    ],
)
def test_a_reader_more_than_half_way_to_losing_records_is_warned(kept, partial, hours, limit):
    assert vanishing(kept, partial=partial, behind=timedelta(hours=hours)) == limit


@given(st.binary() | st.none(), st.binary() | st.none(), st.binary() | st.none(), st.integers(0, 9) | st.none())
def test_a_fingerprint_tells_records_apart(key, value, headers, time):
    record = Received(1, key, value, headers, time, 1)
    others = [
        record._replace(record_key=b"other" + (key or b"")),
        record._replace(value=b"other" + (value or b"")),
        record._replace(headers=b"other" + (headers or b"")),
        record._replace(record_key=value, value=key) if key != value else record._replace(time=-5),
    ]

    assert fingerprint(record) == fingerprint(record._replace(source_offset=2))
    assert fingerprint(record) not in {fingerprint(other) for other in others}
