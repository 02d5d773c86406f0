"""Raw rows come back exactly as they were stored, within the bounds that were asked for."""

import pytest

from db import raw
from db.failure import PassingSqlError
from db.raw import LARGE_VALUE
from migration_core.records import RawRow, Received

pytestmark = pytest.mark.servers

LANE = 3
STORED = [
    Received(10, b"key\t1", b'{"a": "tab\\t \\\\ \n \x00 \xff"}', None, 1_700_000_000_000, 1),
    Received(11, None, b"", b"h", None, 0),
    Received(12, b"", None, None, 0, 1),
    Received(13, b"k", b"x" * LARGE_VALUE, None, -1, 1),
    Received(14, b"k", b"\\N" + b"y" * LARGE_VALUE, None, 5, 1),
    Received(15, b"k", b"last", None, 6, 1),
]
KEYS = [b'["1"]', None, b'["\xc3\xa9"]', b'["4"]', b'["5"]', b'["6"]']


@pytest.fixture
def rows(database):
    """The stored rows as they must be read; their flags are 0, 1 and 2 in turn."""
    with database.transaction() as session:
        session.execute(raw.definition("people"))
    flags = [number % 3 for number in range(len(STORED))]
    numbered = list(zip(range(100, 200), STORED, KEYS, flags, strict=False))
    with database.transaction() as session:
        raw.insert(session, "people", [raw.line(LANE, seq, 7, one, key, bits) for seq, one, key, bits in numbered])
        raw.insert(session, "people", [raw.line(LANE + 1, 102, 7, STORED[0], KEYS[0])])
    return [
        RawRow(seq, 7, one.source_offset, key, one.record_key, one.value, one.time, bits)
        for seq, one, key, bits in numbered
    ]


def read(database, after=0, up_to=1000, *, rows=100, size=1 << 20):
    with database.transaction() as session:
        return raw.read(session, "people", LANE, after, up_to, rows=rows, size=size)


def test_rows_are_what_was_stored(database, rows):
    assert read(database) == (rows, False)


def test_only_the_span_that_was_asked_for(database, rows):
    assert read(database, 100, 103) == (rows[1:4], False)


def test_no_more_rows_than_allowed_and_whether_there_may_be_more(database, rows):
    assert read(database, rows=2) == (rows[:2], True)


def test_no_more_bytes_than_allowed_large_values_included(database, rows):
    sizes = [len(row.value or b"") for row in rows]
    assert read(database, size=sum(sizes[:4])) == (rows[:4], True)
    assert read(database, size=sum(sizes[:5])) == (rows[:5], True)
    assert read(database, size=sum(sizes[:4]) + 1) == (rows[:4], True)


def test_at_least_one_row_however_large(database, rows):
    assert read(database, 103, size=1) == (rows[4:5], True)


COUNTS = {0: 0, 1: 3, 2: 49, 4: 50, 5: 51, 7: 160, 8: 1}


@pytest.fixture
def lanes(database):
    """Lanes with more and fewer rows than are read of each at once; every seventh value is a large one."""
    with database.transaction() as session:
        session.execute(raw.definition("people"))
    with database.transaction() as session:
        for lane, count in COUNTS.items():
            values = [b"z" * (LARGE_VALUE + 1 if number % 7 == 6 else number) for number in range(count)]
            rows = [Received(number, None, value, None, None, 0) for number, value in enumerate(values)]
            raw.insert(session, "people", [raw.line(lane, 10 * one.source_offset + lane, 1, one, b"k") for one in rows])
    return [raw.Span(lane, 9, 10_000) for lane in COUNTS]


@pytest.mark.parametrize("rows", [1, 2, 50, 52, 120, 1000])
@pytest.mark.parametrize("size", [1, 300, LARGE_VALUE + 100, 10 * LARGE_VALUE, 1 << 24])
def test_many_lanes_at_once_are_what_each_alone_would_be(database, lanes, rows, size):
    with database.transaction() as session:
        expected = []
        rows_left, size_left = rows, size
        for span in lanes:
            if rows_left <= 0 or size_left <= 0:
                expected.append(([], True))
                continue
            alone = raw.read(session, "people", span.lane, span.after, span.up_to, rows=rows_left, size=size_left)
            expected.append(alone)
            rows_left -= len(alone[0])
            size_left -= sum(len(row.value) for row in alone[0])

        assert raw.read_lanes(session, "people", lanes, rows=rows, size=size) == expected


class Spoiled:
    """The server's side of a connection, on which one byte of the answer with `within` in it becomes another."""

    def __init__(self, answers, within: bytes) -> None:
        self._answers = answers
        self._within = within

    def read1(self, size: int) -> bytes:
        found = self._answers.read1(size)
        place = found.find(self._within) - 1  # the length of the field
        return found if place < 0 else found[:place] + bytes([found[place] + 1]) + found[place + 1 :]

    def __getattr__(self, name):
        return getattr(self._answers, name)


def test_a_length_that_changed_on_the_way_is_a_lost_connection_and_no_other_row(database, rows):
    def read_spoiled() -> None:
        with database.transaction() as session:
            session.connection._rfile = Spoiled(session.connection._rfile, b"key\t1")
            raw.read(session, "people", LANE, 0, 1000, rows=100, size=1 << 20)

    with pytest.raises(PassingSqlError) as caught:
        read_spoiled()

    assert caught.value.errno == 2027
    assert read(database) == (rows, False)
