"""Raw rows come back exactly as they were stored, within the bounds that were asked for."""

import pytest

from db import raw
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
