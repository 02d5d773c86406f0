"""Rows folded again beside what was applied meanwhile: only the newest of a key is written."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from migration_core.folding import Context
from migration_core.records import Change, Op, RawRow
from migration_core.refolding import fold_history_again, fold_images_again


class Rules:
    """`bad` in a value is rejected; ops by the first letter: w whole, c change, d delete."""

    validates_newest_only = False

    def key_of(self, record_key, value):
        return record_key

    def decode(self, record_key, value, flags=0):
        text = (value or b"").decode()
        if "bad" in text:
            raise Rejected("BAD")
        op = {"w": Op.IMAGE, "c": Op.MERGE, "d": Op.DELETE}[text[0]]
        return Change(op, None if op is Op.DELETE else {text[1:2] or "x": text})

    def check_key(self, entity_key, document):
        return None

    def rows(self, document: Mapping[str, object], position, time, sequence):
        return ([tuple(sorted(document.items()))],)


CONTEXT = Context({1: ("topic", 0)})


def row(sequence: int, value: str, key: bytes = b"k") -> RawRow:
    return RawRow(sequence, 1, sequence, key, key, value.encode(), None, 0)


def test_an_image_with_a_newer_one_in_its_place_writes_nothing():
    folded = fold_images_again(Rules(), [row(1, "wa"), row(5, "wb")], CONTEXT, {b"k": 3}, coalesce=True)

    assert [effect.sequence for effect in folded.effects] == [5]
    assert (folded.applied, folded.superseded) == (1, 1)


def test_an_image_that_still_fails_stays_rejected_wherever_it_stands():
    folded = fold_images_again(Rules(), [row(1, "bad"), row(5, "bad")], CONTEXT, {b"k": 3}, coalesce=True)

    assert [rejection.row.sequence for rejection in folded.rejections] == [1, 5]
    assert (folded.effects, folded.applied, folded.superseded) == ([], 0, 0)


@given(st.lists(st.sampled_from(["wa", "bad", "wb"]), min_size=1, max_size=12), st.integers(0, 13))
def test_every_row_that_is_folded_again_ends_as_exactly_one_thing(values, newest):
    rows = [row(number, value) for number, value in enumerate(values, 1)]

    folded = fold_images_again(Rules(), rows, CONTEXT, {b"k": newest}, coalesce=True)

    assert folded.applied + folded.superseded + folded.filtered + len(folded.rejections) == len(rows)
    assert all(effect.sequence > newest for effect in folded.effects)


@pytest.mark.parametrize(
    ("kept_out", "counts"),
    [
        ({2}, (0, 1)),  # the newest row was done before, so the mended one only lies behind it
        ({3}, (1, 0)),
        ({2, 3}, (1, 1)),
    ],
)
def test_only_rows_that_were_kept_out_are_counted_anew(kept_out, counts):
    folded = fold_history_again(Rules(), [row(1, "ca"), row(2, "cb"), row(3, "cc")], CONTEXT, kept_out)

    assert folded is not None
    assert (folded.applied, folded.superseded) == counts
    assert folded.documents[b"k"][1] == {"a": "ca", "b": "cb", "c": "cc"}


def test_a_history_that_would_undo_what_is_done_is_left_alone():
    assert fold_history_again(Rules(), [row(1, "bad"), row(2, "cb")], CONTEXT, {1}) is None
    assert fold_history_again(Rules(), [row(1, "bad"), row(2, "wb")], CONTEXT, {1}) is not None
