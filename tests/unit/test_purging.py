"""Which rows may go, and when a stream may be purged."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.gate import GateVerdict
from migration_core.purging import Outdated, PurgeFacts, Settled, purge_gate
from migration_core.sequence import pack

KEYS = (b"a", b"b", b"c")
OVER = PurgeFacts(
    "users", partial=False, paused=True, remainders=0, snapshots_loading=0, pending=0, unproven_lanes=0,
    parked_keys=0, open_rejects=0,
)  # fmt: skip

rows = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans(), st.integers(1, 3)), max_size=30)


def settled(drawn) -> list[Settled]:
    ordered = sorted(drawn, key=lambda one: one[2])
    return [Settled(pack(generation, n), key, old) for n, (key, old, generation) in enumerate(ordered)]


@given(rows, st.integers(1, 7))
def test_exactly_the_old_rows_go_behind_which_one_of_their_key_and_generation_stands(drawn, chunk):
    all_rows = settled(drawn)
    finder = Outdated()

    gone = [one for start in range(0, len(all_rows), chunk) for one in finder.among(all_rows[start : start + chunk])]

    expected = [
        row.sequence
        for place, row in enumerate(all_rows)
        if row.old
        and any(
            later.entity_key == row.entity_key and later.sequence >> 51 == row.sequence >> 51
            for later in all_rows[place + 1 :]
        )
    ]
    assert sorted(gone) == expected


def test_outdated_rows_of_full_images_may_go_while_the_stream_runs():
    running = replace(OVER, paused=False, pending=7, unproven_lanes=1, parked_keys=2, open_rejects=3)

    assert purge_gate(running, everything=False).verdict is GateVerdict.PASS


@pytest.mark.parametrize("fault", [{"remainders": 1}, {"snapshots_loading": 1}])
@pytest.mark.parametrize("everything", [True, False])
def test_nothing_goes_while_the_ledger_has_remainders_or_a_snapshot_is_loading(fault, everything):
    gate = purge_gate(replace(OVER, **fault), everything=everything)

    assert gate.verdict is GateVerdict.FAIL
    assert gate.remedy


def test_a_stream_of_partial_changes_has_no_outdated_rows():
    assert purge_gate(replace(OVER, partial=True), everything=False).verdict is GateVerdict.FAIL
    assert purge_gate(replace(OVER, partial=True), everything=True).verdict is GateVerdict.PASS


@pytest.mark.parametrize(
    "fault",
    [{"paused": False}, {"pending": 1}, {"unproven_lanes": 1}, {"parked_keys": 1}, {"open_rejects": 1}],
)
def test_everything_goes_only_at_the_end_of_a_stream(fault):
    gate = purge_gate(replace(OVER, **fault), everything=True)

    assert gate.verdict is GateVerdict.FAIL
    assert "users" in gate.found
    assert gate.remedy
    assert purge_gate(OVER, everything=True).verdict is GateVerdict.PASS
