"""When keys that stand in two partitions shut the way to the cut-over."""

from dataclasses import replace
from itertools import pairwise

import pytest

from migration_core.crossed import ROWS_AT_ONCE, CrossedLane, crossed_gate, hash_ranges
from migration_core.gate import GateVerdict

CLEAN = CrossedLane("users", 0, 0, 0, None, None, (), looked_at=True)
CROSSED = replace(CLEAN, lane=1, crossed=3)
ACCEPTED = replace(CROSSED, accepted=3, accepted_by="jo", because="moved")


@pytest.mark.parametrize(
    ("lanes", "verdict"),
    [
        ([], GateVerdict.PASS),
        ([CLEAN], GateVerdict.PASS),
        ([CLEAN, CROSSED], GateVerdict.FAIL),
        ([CLEAN, ACCEPTED], GateVerdict.WARN),
        ([ACCEPTED, CROSSED], GateVerdict.FAIL),
        ([replace(ACCEPTED, crossed=4)], GateVerdict.FAIL),  # one has come since
        ([replace(CLEAN, accepted_by="jo")], GateVerdict.PASS),
        ([replace(CLEAN, looked_at=False)], GateVerdict.FAIL),
    ],
)
def test_only_what_nobody_knows_of_shuts_the_gate(lanes, verdict):
    gate = crossed_gate(lanes)

    assert gate.verdict is verdict
    assert bool(gate.remedy) is (verdict is not GateVerdict.PASS)


def test_the_number_of_keys_is_told_by_stream():
    gate = crossed_gate([CROSSED, CROSSED, replace(CROSSED, stream="trips", crossed=1)])

    assert gate.found == "1 keys of trips, 6 keys of users stand in two partitions of a topic"


@pytest.mark.parametrize("rows", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 10 * ROWS_AT_ONCE])
def test_slices_hold_every_hash_once(rows):
    ranges = hash_ranges(rows)

    assert (ranges[0][0], ranges[-1][1]) == (0, (1 << 64) - 1)
    assert all(low == high + 1 for (_, high), (low, _) in pairwise(ranges))
    assert len(ranges) == max(1, -(-rows // ROWS_AT_ONCE))


def test_who_let_them_pass_and_why_stays_with_the_gate():
    assert "accepted by jo: moved" in crossed_gate([ACCEPTED]).found
