"""Partial changes: documents, parks and rejects are the same whatever batches the rows come in, and all rows add up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.folding import Context, fold_partial
from migration_core.key import canonical
from migration_core.merge_patch import merge
from migration_core.records import RawRow
from tests.unit.mappings import SIMPLE, stream_of
from tests.unit.test_folding import batches

STREAM = stream_of(
    SIMPLE.replace(
        "    key: $.id\n",
        "    key: $.id\n    record_key: $.id\n    changes: partial\n    document: $.row\n"
        "    op: {path: $.op, image: [new], merge: [mod], delete: [del]}\n"
        "    filter: {path: $.hide, equals: [true]}\n",
    ).replace("name: $.name", "n: {path: $.n, type: int}\n          name: $.name")
)
A = canonical(["a"])
WINDOW = 8


def row(sequence, key, op, patch):
    value = b"{" if op == "bad" else None if op == "tombstone" else json.dumps({"op": op, "row": patch}).encode()
    return RawRow(sequence, 1, sequence, canonical([key]), json.dumps({"id": key}).encode(), value, None, 0)


PATCH = st.fixed_dictionaries(
    {},
    optional={
        "n": st.sampled_from([1, 2, "no number", None]),
        "name": st.sampled_from(["x", "y", None]),
        "hide": st.booleans(),
        "more": st.sampled_from([{"a": 1}, {"a": None, "b": 2}, None, [1]]),
    },
)
OPS = st.sampled_from(["new", "mod", "mod", "mod", "del", "bad", "tombstone", "?"])
LOGS = st.lists(st.tuples(st.sampled_from("ab"), OPS, PATCH), max_size=24).map(
    lambda found: [(row(n, *one), *one) for n, one in enumerate(found, 1)]
)
BORDERS = st.lists(st.integers(0, 30), max_size=6)


class Store:
    """What a database would keep between batches."""

    def __init__(self):
        self.documents, self.parked, self.waiting, self.tables = {}, set(), {}, {}
        self.rejected, self.counts = [], {"applied": 0, "superseded": 0, "filtered": 0}

    def fold(self, batch, in_window):
        context = Context({1: ("t", 0)}, parked=set(self.parked), documents=dict(self.documents), in_window=in_window)
        folded = fold_partial(STREAM, batch, context)
        for key in folded.ended_parks:
            self.parked.remove(key)
            self.counts["superseded"] += len(self.waiting.pop(key, []))
        assert self.parked.isdisjoint(folded.new_parks)
        self.parked.update(folded.new_parks)
        for one in folded.parked:
            self.waiting.setdefault(one.entity_key, []).append(one)
        for key, (_, document) in folded.documents.items():
            self.documents.pop(key, None)
            if document is not None:
                self.documents[key] = document
        for effect in folded.effects:
            self.tables.pop(effect.key, None)
            if effect.rows is not None:
                self.tables[effect.key] = effect.rows
        self.rejected += [one.row for one in folded.rejections]
        for name in self.counts:
            self.counts[name] += getattr(folded, name)

    def total(self):
        return sum(self.counts.values()) + len(self.rejected) + sum(map(len, self.waiting.values()))


class Plainly:
    """The same by one row at a time, written from the rules alone."""

    def __init__(self, log, in_window):
        self.documents, self.waiting, self.rejected = {}, {}, []
        for raw, key, op, patch in log:
            self.step(raw, canonical([key]), op, patch, in_window=in_window(raw))

    def step(self, raw, key, op, patch, *, in_window):
        if op in ("bad", "?"):
            self.reject(raw, key)
        elif op == "mod" and key in self.waiting:
            self.waiting[key].append(raw)
        elif op != "new" and key not in self.documents and key not in self.waiting and in_window:
            pass
        elif op in ("del", "tombstone"):
            self.documents.pop(key, None)
            self.waiting.pop(key, None)
        else:
            document = patch if op == "new" else merge(self.documents.get(key, {}), patch)
            if document.get("n") == "no number" and document.get("hide") is not True:
                self.reject(raw, key)
            else:
                self.documents[key] = document
                self.waiting.pop(key, None)

    def reject(self, raw, key):
        self.rejected.append(raw)
        self.waiting.setdefault(key, [])


@given(LOGS, BORDERS, st.booleans())
def test_any_batches_give_the_same_documents_parks_and_rejects_and_add_up(log, borders, window):
    def in_window(raw):
        return window and raw.source_offset <= WINDOW

    store, plainly = Store(), Plainly(log, in_window)

    for batch in batches([raw for raw, *_ in log], borders):
        store.fold(batch, in_window)

    assert store.documents == plainly.documents
    assert store.rejected == plainly.rejected
    assert store.parked == plainly.waiting.keys()
    assert {key: rows for key, rows in store.waiting.items() if rows} == {k: r for k, r in plainly.waiting.items() if r}
    assert store.total() == len(log)


@given(LOGS, BORDERS)
def test_the_tables_hold_what_the_documents_say(log, borders):
    store = Store()

    for batch in batches([raw for raw, *_ in log], borders):
        store.fold(batch, lambda _: False)

    shown = {key: document for key, document in store.documents.items() if document.get("hide") is not True}
    assert store.tables.keys() == shown.keys()
    for key, ((found,),) in store.tables.items():
        assert found[1:] == (shown[key].get("n"), shown[key].get("name"))


def run(*changes):
    """One batch of changes of key a."""
    rows = [row(n, "a", op, patch) for n, (op, patch) in enumerate(changes, 1)]
    return rows, fold_partial(STREAM, rows, Context({1: ("t", 0)}))


def test_null_removes_objects_merge_and_lists_are_whole():
    _, folded = run(
        ("new", {"name": "x", "more": {"a": 1, "b": [1, 2]}}), ("mod", {"name": None, "more": {"a": None, "b": [3]}})
    )

    assert folded.documents == {A: (2, {"more": {"b": [3]}})}
    assert (folded.applied, folded.superseded) == (1, 1)


def test_a_change_of_nobody_begins_a_document():
    assert run(("mod", {"name": "x"}))[1].documents == {A: (1, {"name": "x"})}


def test_a_delete_forgets_the_document():
    _, folded = run(("new", {"name": "x"}), ("del", None), ("mod", {"n": 1}))

    assert folded.documents == {A: (3, {"n": 1})}


def test_from_a_bad_row_on_its_key_waits_and_no_other_does():
    rows, folded = run(("new", {"n": 1}), ("mod", {"n": "no number"}), ("mod", {"n": 2}), ("mod", {"name": "y"}))

    assert [one.row for one in folded.rejections] == [rows[1]]
    assert folded.parked == rows[2:]
    assert folded.new_parks == {A: rows[1]}
    assert folded.documents == {A: (1, {"n": 1})}


@pytest.mark.parametrize("ending", [("new", {"n": 5}), ("del", None), ("tombstone", None)])
def test_an_image_or_a_delete_ends_the_park(ending):
    rows, folded = run(("bad", None), ("mod", {"n": 2}), ending, ("mod", {"name": "y"}))

    assert [one.row for one in folded.rejections] == [rows[0]]
    assert (folded.parked, folded.new_parks, folded.ended_parks) == ([], {}, set())
    assert (folded.superseded, folded.applied) == (2, 1)
    assert folded.documents == {A: (4, {"n": 5, "name": "y"} if ending[0] == "new" else {"name": "y"})}


def test_a_bad_image_ends_no_park():
    rows, folded = run(("bad", None), ("new", {"n": "no number"}), ("mod", {"n": 1}))

    assert [one.row for one in folded.rejections] == rows[:2]
    assert folded.parked == rows[2:]


def test_a_park_that_ends_and_begins_again_is_both():
    rows = [row(n, "a", *one) for n, one in enumerate([("new", {"n": 1}), ("bad", None), ("mod", {"n": 2})], 1)]

    folded = fold_partial(STREAM, rows, Context({1: ("t", 0)}, parked={A}))

    assert (folded.ended_parks, folded.new_parks, folded.parked) == ({A}, {A: rows[1]}, [rows[2]])


def test_in_the_window_of_its_snapshot_a_change_of_nobody_is_superseded():
    def in_window(_):
        return True

    rows = [
        row(1, "a", "mod", {"n": 1}),
        row(2, "a", "del", None),
        row(3, "a", "new", {"n": 2}),
        row(4, "a", "mod", {"n": 3}),
    ]

    folded = fold_partial(STREAM, rows, Context({1: ("t", 0)}, in_window=in_window))

    assert folded.documents == {A: (4, {"n": 3})}
    assert (folded.superseded, folded.applied) == (3, 1)


def test_documents_given_are_never_changed():
    stored = {A: {"n": 1, "more": {"a": 1}}}

    fold_partial(STREAM, [row(1, "a", "mod", {"more": {"a": None}})], Context({1: ("t", 0)}, documents=stored))

    assert stored == {A: {"n": 1, "more": {"a": 1}}}
