"""Full images: any interleaving, repetition or batch border ends in the newest good state of each key, and adds up."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from migration_core.folding import Context, Effect, fold_images
from migration_core.key import canonical
from migration_core.records import Flag, RawRow
from tests.unit.mappings import SIMPLE, stream_of

TEXT = SIMPLE.replace("    key: $.id", "    key: $.id\n    record_key: $.id").replace(
    "    tables:", "    filter: {path: $.name, equals: [hidden]}\n    tables:"
)
STREAM = stream_of(TEXT)
NEWEST = replace(STREAM, validates_newest_only=True)
CONTEXT = Context({1: ("legacy.users", 0)})
BAD = ["not json", "of no type", "of another", "malformed", "duplicate", "no key"]


def row(sequence, key, what):
    """One raw row: an image named `what`, a delete, or one of the bad rows."""
    record_key = json.dumps({"id": key}).encode()
    values = {
        "delete": None,
        "not json": b"{",
        "of no type": json.dumps({"id": key, "name": 5}).encode(),
        "of another": json.dumps({"id": key + "x", "name": "y"}).encode(),
        "malformed": b"?",
        "duplicate": json.dumps({"id": key, "name": "later"}).encode(),
    }
    value = values.get(what, json.dumps({"id": key, "name": what}).encode())
    flags = Flag.MALFORMED_LINE if what == "malformed" else 0
    if what == "no key":
        return RawRow(sequence, 1, sequence, None, b"{}", value, None, flags)
    return RawRow(sequence, 1, sequence, canonical([key]), record_key, value, None, flags)


WHAT = st.sampled_from(["v1", "v2", "v3", "hidden", "delete", *BAD])
LOGS = st.lists(st.tuples(st.sampled_from("abc"), WHAT), max_size=30).map(
    lambda found: [(row(n, key, what), key, what) for n, (key, what) in enumerate(found, 1)]
)


def batches(rows, borders):
    cuts = sorted({border % (len(rows) + 1) for border in borders} | {0, len(rows)})
    return [rows[low:high] for low, high in pairwise(cuts)]


def newest_good(log):
    """What the tables must hold, by nothing but order."""
    tables = {}
    for _, key, what in log:
        if what in ("delete", "hidden"):
            tables.pop(canonical([key]), None)
        elif what not in BAD:
            tables[canonical([key])] = what
    return tables


def context_of(log, **more):
    return Context({1: ("t", 0)}, duplicates={r.sequence for r, _, what in log if what == "duplicate"}, **more)


def apply(tables, effects):
    for effect in effects:
        if effect.rows is None:
            tables.pop(effect.key, None)
        else:
            ((found,),) = effect.rows
            tables[effect.key] = found[1]


@given(LOGS, st.lists(st.integers(0, 40), max_size=4), st.booleans(), st.sampled_from([STREAM, NEWEST]))
def test_any_log_in_any_batches_ends_in_the_newest_good_state(log, borders, coalesce, stream):
    tables = {}

    for batch in batches([raw for raw, _, _ in log], borders):
        folded = fold_images(stream, batch, context_of(log), coalesce=coalesce)
        apply(tables, folded.effects)
        assert folded.applied + folded.superseded + folded.filtered + len(folded.rejections) == len(batch)
        assert (folded.parked, folded.new_parks, folded.ended_parks, folded.documents) == ([], {}, set(), {})

    assert tables == newest_good(log)


@given(LOGS, st.lists(st.integers(0, 40), max_size=4), st.booleans())
def test_what_is_rejected_depends_on_no_border(log, borders, coalesce):
    rejected = []

    for batch in batches([raw for raw, _, _ in log], borders):
        rejected += [one.row for one in fold_images(STREAM, batch, context_of(log), coalesce=coalesce).rejections]

    assert rejected == [raw for raw, _, what in log if what in BAD]


@given(LOGS)
def test_with_newest_only_no_row_is_rejected_that_is_good_and_none_is_hidden_behind_a_bad_one(log):
    folded = fold_images(NEWEST, [raw for raw, _, _ in log], context_of(log), coalesce=True)

    whole = fold_images(STREAM, [raw for raw, _, _ in log], context_of(log), coalesce=True)
    assert folded.effects == whole.effects
    assert (folded.applied, folded.filtered) == (whole.applied, whole.filtered)
    assert [one for one in whole.rejections if one in folded.rejections] == folded.rejections
    # Lines and places are always told; only what stands before a good row of its key is not looked into.
    sure = {"SNAP_PARSE", "SNAP_DUPLICATE_KEY", "KEY_NULL"}
    assert {one.row for one in whole.rejections if one.reason.code in sure} <= {one.row for one in folded.rejections}


@given(LOGS, st.booleans())
def test_effects_come_in_the_order_of_their_rows_and_one_a_key_when_they_coalesce(log, newest):
    stream = NEWEST if newest else STREAM

    folded = fold_images(stream, [raw for raw, _, _ in log], context_of(log), coalesce=True)
    every = fold_images(stream, [raw for raw, _, _ in log], context_of(log), coalesce=False)

    for effects in (folded.effects, every.effects):
        assert [one.sequence for one in effects] == sorted(one.sequence for one in effects)
    assert len({one.key for one in folded.effects}) == len(folded.effects)
    assert every.superseded == 0


@given(LOGS)
def test_a_log_delivered_twice_is_a_log_delivered_once(log):
    again = [(row(100 + raw.sequence, key, what), key, what) for raw, key, what in log]

    tables = {}
    apply(
        tables, fold_images(STREAM, [raw for raw, _, _ in log + again], context_of(log + again), coalesce=True).effects
    )

    assert tables == newest_good(log)


def test_a_row_that_is_not_looked_into_is_never_decoded():
    asked = []

    class Watching:
        validates_newest_only = True
        key_of, check_key, rows = STREAM.key_of, STREAM.check_key, STREAM.rows

        def decode(self, record_key, value, flags=0):
            asked.append(value)
            return STREAM.decode(record_key, value, flags)

    log = [row(1, "a", "v1"), row(2, "b", "v2"), row(3, "a", "v3"), row(4, "b", "not json")]

    folded = fold_images(Watching(), log, CONTEXT, coalesce=True)

    assert asked == [log[3].value, log[2].value, log[1].value]
    assert (folded.applied, folded.superseded, len(folded.rejections)) == (2, 1, 1)


@pytest.mark.parametrize(
    ("what", "stage", "code", "path"),
    [
        ("not json", "decode", "PARSE_JSON", ""),
        ("of no type", "transform", "TYPE_MISMATCH", "$.name"),
        ("of another", "key", "KEY_MISMATCH", "$.id"),
        ("malformed", "container", "SNAP_PARSE", ""),
        ("duplicate", "snapshot", "SNAP_DUPLICATE_KEY", ""),
        ("no key", "key", "KEY_NULL", "$.id"),
    ],
)
def test_a_bad_row_is_rejected_for_its_cause_and_its_neighbours_are_untouched(what, stage, code, path):
    log = [(row(n, "a", one), "a", one) for n, one in enumerate(["v1", what, "v2"], 1)]

    folded = fold_images(STREAM, [raw for raw, _, _ in log], context_of(log), coalesce=False)

    ((rejected, reason),) = [(one.row, one.reason) for one in folded.rejections]
    assert rejected is log[1][0]
    assert (reason.stage, reason.code, reason.field_path) == (stage, code, path)
    assert [one.sequence for one in folded.effects] == [1, 3]


def test_a_row_without_a_key_whose_key_can_be_read_now_says_so():
    raw = row(1, "a", "v1")._replace(entity_key=None)

    (rejection,) = fold_images(STREAM, [raw], CONTEXT, coalesce=True).rejections

    assert (rejection.reason.stage, rejection.reason.code) == ("key", "KEY_UNREADABLE")


@pytest.mark.parametrize("stream", [STREAM, NEWEST])
def test_the_next_good_image_of_a_parked_key_ends_its_park(stream):
    key = canonical(["a"])

    def ended(*what):
        log = [(row(n, "a", one), "a", one) for n, one in enumerate(what, 1)]
        context = context_of(log, parked={key})
        return fold_images(stream, [raw for raw, _, _ in log], context, coalesce=True).ended_parks

    assert ended("v1") == ended("delete") == ended("not json", "v1") == {key}
    assert ended("not json") == ended() == set()


def test_a_filtered_image_takes_away_what_its_key_had():
    assert fold_images(STREAM, [row(1, "a", "hidden")], CONTEXT, coalesce=True).effects == [
        Effect(canonical(["a"]), 1, None)
    ]


def test_what_is_no_reject_is_not_swallowed():
    class Broken:
        validates_newest_only = False

        def decode(self, *_):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fold_images(Broken(), [row(1, "a", "v1")], CONTEXT, coalesce=True)


def test_a_function_s_reject_carries_its_code():
    def odd(_value):
        raise Rejected("NAME_ODD", detail="odd")

    stream = stream_of(TEXT.replace("name: $.name", "name: {path: $.name, using: my:f}"), functions=lambda _: odd)

    (rejection,) = fold_images(stream, [row(1, "a", "v1")], CONTEXT, coalesce=True).rejections

    assert (rejection.reason.stage, rejection.reason.code, rejection.reason.field_path) == (
        "transform",
        "NAME_ODD",
        "$.name",
    )
