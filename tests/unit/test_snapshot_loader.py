"""The loader's parts that need no server: rows, repeated keys, reading ahead, progress, spans of time."""

import io
import logging
import random
from collections import defaultdict
from itertools import count
from threading import Event
from zlib import crc32

import pytest

from db import raw
from migration_core.checkpoint import Checkpoint
from migration_core.containers import CONTAINERS
from migration_core.errors import Halted, Rejected
from migration_core.lane import key_hash, lane_of
from migration_core.records import Flag, Received
from migration_core.sequence import pack, snapshot_number
from snapshot_loader import preparing
from snapshot_loader.ahead import ahead
from snapshot_loader.preparing import PartRules, prepare
from snapshot_loader.progress import MeteredProgress, SpokenProgress, progress_on
from snapshot_loader.reading import Chunk
from snapshot_loader.seen_keys import WORTH_IT, SeenKeys
from snapshot_loader.spans import span


def key_of(record_key, value):
    if value == b"no key":
        raise Rejected("KEY_NULL", stage="key")
    return record_key or value


def rules(container="ndjson", **changes):
    given = {"parse": CONTAINERS[container], "key_of": key_of, "lanes": 32, "generation": 1, "part": 3, "source_id": 9}
    return PartRules(**given | changes)


def prepared(lines, first_line=1, **changes):
    return prepare(Chunk(lines, first_line, Checkpoint(first_line + len(lines) - 1, 0, "")), rules(**changes))


def test_every_line_is_one_row_in_the_lane_of_its_key_with_part_and_line_as_its_sequence():
    lines = [b"a", b"b\t\\", b"a"]

    found = prepared(lines, first_line=41)

    places = [pack(1, snapshot_number(3, line)) for line in (41, 42, 43)]
    assert found.raw.lines == [
        raw.line(lane_of(line, 32), place, 9, Received(number, None, line, None, None, 0), line)
        for number, place, line in zip((41, 42, 43), places, lines, strict=True)
    ]
    assert found.raw.lanes[lane_of(b"a", 32)].head == places[2]
    assert found.raw.lanes[lane_of(b"a", 32)].rows == 2
    assert found.keys[lane_of(b"a", 32)].hashes == [key_hash(b"a")] * 2
    assert crc32(b"a") % 32 == lane_of(b"a", 32)


def test_a_chunk_of_values_becomes_the_same_rows_with_and_without_the_short_way(monkeypatch):
    lines = [b"a", b"no key", b"b\t\\", b"", b"\xff\x00", b"a"]
    short = prepared(lines, first_line=41)
    monkeypatch.setattr(preparing, "VALUES_ALONE", frozenset())

    assert prepared(lines, first_line=41) == short


def test_a_row_without_a_readable_key_goes_to_lane_0_and_is_compared_with_none():
    found = prepared([b"no key"])

    assert found.raw.lines == [raw.line(0, pack(1, snapshot_number(3, 1)), 9, CONTAINERS["ndjson"](b"no key", 1), None)]
    assert found.keys[0].hashes == [0]


def test_a_malformed_line_is_kept_whole_and_flagged():
    line = b'{"payload": 5, "half'

    found = prepared([line], container="kcat")

    kept = Received(1, None, line, None, None, 0)
    assert found.raw.lines == [raw.line(0, pack(1, snapshot_number(3, 1)), 9, kept, None, Flag.MALFORMED_LINE)]


def test_a_bug_in_the_key_function_is_no_reject():
    def broken(record_key, value):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        prepared([b"a"], key_of=broken)


def test_a_number_that_does_not_fit_halts():
    with pytest.raises(Halted):
        prepared([b"a"], first_line=1 << 34)
    with pytest.raises(Halted):
        prepared([b"a"], part=1 << 17)


def every_repeat(rows):
    places = defaultdict(list)
    for lane, hashed, sequence in rows:
        if hashed:
            places[lane, hashed].append(sequence)
    return {key: found for key, found in places.items() if len(found) > 1}


@pytest.mark.parametrize("seed", range(20))
def test_what_stands_twice_is_found_whenever_one_looks(seed):
    chance = random.Random(seed)
    seen = SeenKeys(in_memory=chance.choice([0, 1 << 20]), buffered=chance.choice([1, 7, 1000]))
    rows, sequence = [], count(1)
    found: dict[tuple[int, int], list[int]] = {}
    for _ in range(chance.randrange(1, 6)):
        fresh = set()
        for _ in range(chance.randrange(40)):
            lane = chance.randrange(3)
            added = [(chance.randrange(120), next(sequence)) for _ in range(chance.randrange(9))]
            seen.add(lane, [hashed for hashed, _ in added], [place for _, place in added])
            rows += [(lane, hashed, place) for hashed, place in added]
            fresh |= {(lane, hashed) for hashed, _ in added}
        looked = {(lane, hashed): list(p) for lane, places in seen.repeated() for hashed, p in places.items()}
        assert looked == {key: places for key, places in every_repeat(rows).items() if key in fresh}
        found |= looked
        seen.compared()

    assert found == every_repeat(rows)
    seen.close()


def test_a_look_waits_until_fresh_rows_are_in_proportion():
    seen = SeenKeys()
    seen.add(0, range(1, 101), range(100))
    assert seen.worth_comparing()
    seen.compared()

    seen.add(1, [1], [100])

    assert not seen.worth_comparing()
    seen.add(1, range(2, 2 + 100 // WORTH_IT), range(101, 101 + 100 // WORTH_IT))
    assert seen.worth_comparing()
    seen.close()


def test_things_made_ahead_come_in_order_and_no_faster_than_they_are_used():
    made = []

    def making():
        for number in range(50):
            made.append(number)
            yield number

    with ahead(making(), depth=1) as things:
        for number in things:
            assert made[: number + 1] == list(range(number + 1))
            assert len(made) <= number + 4

    assert made == list(range(50))


def test_an_error_comes_where_its_thing_was_expected():
    def making():
        yield 1
        raise KeyError("two")

    with ahead(making()) as things:
        assert next(things) == 1
        with pytest.raises(KeyError, match="two"):
            next(things)


def test_who_waits_long_for_a_thing_may_leave():
    over = Event()

    def making():
        over.wait(30)
        yield 1

    def waiting():
        over.set()
        raise InterruptedError

    with ahead(making(), waiting=waiting) as things, pytest.raises(InterruptedError):
        next(things)


def test_leaving_early_closes_what_makes_the_things():
    closed = Event()

    def making():
        try:
            yield from count()
        finally:
            closed.set()

    with ahead(making()) as things:
        next(things)

    assert closed.is_set()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1.5m", 90), (" 5s ", 5)])
def test_a_span_is_a_number_with_its_unit(text, seconds):
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5s", "5 s", "10min", "1h30m"])
def test_anything_else_is_no_span(text):
    with pytest.raises(ValueError, match="write 90s, 10m or 2h"):
        span(text)


def test_progress_is_logged_now_and_then_and_at_the_end(caplog):
    clock = iter([0.0, 1.0, 11.0, 12.0, 13.0])
    progress = SpokenProgress(clock=lambda: next(clock))

    with caplog.at_level(logging.INFO):
        progress.begin("users", 100)
        progress.advance(40, skipped=True)
        progress.advance(22)
        progress.advance(20)
        progress.advance(18)

    told = [(record.rows, record.of, record.rows_per_second, record.eta_seconds) for record in caplog.records]
    assert told == [(62, 100, 2, 19), (100, 100, 5, 0)]


def test_rows_of_this_run_are_counted_and_those_before_it_are_not():
    counted = []
    progress = MeteredProgress(SpokenProgress(), lambda stream, rows: counted.append((stream, rows)))

    progress.begin("users", 10)
    progress.advance(4, skipped=True)
    progress.advance(6)

    assert counted == [("users", 6)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_with_count_and_rate(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    shown, progress = progress_on(terminal)

    with shown:
        progress.begin("users", 100)
        progress.advance(40, skipped=True)
        progress.advance(60)

    assert "users" in terminal.getvalue()
    assert "100/100" in terminal.getvalue()
    assert "rows/s" in terminal.getvalue()


def test_anything_else_gets_log_lines():
    said = []
    _, progress = progress_on(io.StringIO(), said.append)

    progress.begin("users", 3)
    progress.advance(3)

    assert [(told.stream, told.rows, told.of) for told in said] == [("users", 3, 3)]
