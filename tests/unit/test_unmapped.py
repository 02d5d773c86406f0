"""Fields that no column takes: counted on some rows, in bounds, and told apart from strays."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from migration_core.folding import Context, fold_images, fold_partial
from migration_core.gate import GateVerdict
from migration_core.key import canonical
from migration_core.records import RawRow
from migration_core.unmapped import (
    LONGEST_PATH,
    MOST_FIELDS,
    OTHERS,
    LookedAt,
    UnmappedField,
    new_fields_gate,
)
from tests.unit.mappings import SIMPLE, stream_of

FIELD = UnmappedField("users", "$.x", 20, 1999, 1000, "users[0]@7", datetime(2026, 1, 1, tzinfo=UTC), None, None)


def raw(sequence, value):
    return RawRow(sequence, 1, sequence * 10, canonical(["a"]), None, value, None, 0)


def looked(text, rows, every, fold=fold_images, **how):
    found = LookedAt()
    fold(stream_of(text), rows, Context({1: ("t", 0)}, looked=found, look_every=every), **how)
    return found


ROWS = [raw(n, b'{"id": "a", "name": "n", "x": 1, "y": {"z": 2}}') for n in range(1, 33)]


@pytest.mark.parametrize(("every", "documents"), [(0, 0), (1, 32), (16, 2)])
def test_one_row_in_so_many_is_looked_at(every, documents):
    found = looked(SIMPLE, ROWS, every, coalesce=True)

    assert found.documents == documents
    assert found.fields == ({"$.x": documents, "$.y": documents} if documents else {})


def test_the_first_place_of_a_field_is_kept():
    found = looked(SIMPLE, ROWS, 16, coalesce=True)

    assert found.first["$.x"] == (1, 160)


def test_rows_that_are_rejected_or_left_out_are_not_looked_at():
    text = SIMPLE.replace("    tables:", "    filter: {path: $.name, equals: [hidden]}\n    tables:")
    rows = [raw(1, b'{"id": "a", "name": "hidden", "x": 1}'), raw(2, b'{"id": "a", "name": 5, "x": 1}'), raw(3, b"{")]

    assert looked(text, rows, 1, coalesce=True) == LookedAt()


def test_of_partial_changes_the_merged_document_is_looked_at():
    text = SIMPLE.replace("    key: $.id", "    changes: partial\n    key: $.id")
    rows = [raw(1, b'{"id": "a", "name": "n", "x": 1}'), raw(2, b'{"id": "a", "y": 1}')]

    assert looked(text, rows, 1, fold_partial).fields == {"$.x": 2, "$.y": 1}


def test_more_fields_than_the_most_are_counted_as_one():
    found = LookedAt()
    for n in range(3):
        found.take(raw(n, None), [f"$.f{n}_{m}" for m in range(MOST_FIELDS)])
    other = LookedAt()
    other.take(raw(9, None), ["$.new", "$.f0_0"])
    found.add(other)

    assert len(found.fields) == len(found.first) == MOST_FIELDS + 1
    assert (found.fields[OTHERS], found.fields["$.f0_0"], found.documents) == (2 * MOST_FIELDS + 1, 2, 4)


def test_a_long_path_is_cut():
    found = LookedAt()
    found.take(raw(1, None), ["$." + "x" * 10_000])

    assert [len(path) for path in found.fields] == [LONGEST_PATH]


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({}, True),
        ({"documents": 19}, False),  # a stray
        ({"looked_since": 2000}, False),  # 1 % of what was looked at, and not more
        ({"looked_before": 999}, False),  # the mapping's author could see it
    ],
)
def test_new_is_what_came_late_and_stands_in_more_than_one_of_a_hundred(change, new):
    gate = new_fields_gate([replace(FIELD, **change)])

    assert gate.verdict is (GateVerdict.FAIL if new else GateVerdict.PASS)
    assert ("users $.x" in gate.found) is new


def test_what_a_person_lets_go_shuts_no_gate_and_stands_there_with_the_reason():
    gate = new_fields_gate([replace(FIELD, accepted_by="jo", because="no nicknames")])

    assert gate.verdict is GateVerdict.WARN
    assert "users $.x, accepted by jo: no nicknames" in gate.found
