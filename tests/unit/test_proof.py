"""The ledger's gate: shut by every single thing that is not proven."""

from dataclasses import replace

import pytest

from migration_core.gate import GateVerdict
from migration_core.proof import SourceLedger, StreamProof, ledger_gate

GOOD = StreamProof(
    "users", received=1200, applied=1000, superseded=150, filtered=20, parked=10, rejected=20, pending=0,
    unaudited=0, unproven_lanes=0, remainders=0, purged=0,
)  # fmt: skip
PART = SourceLedger("users", "users-1.ndjson", 1, received=100, done=90, parked=4, rejected=6, pending=0)


def test_a_ledger_that_is_proven_to_its_last_row_passes_and_needs_no_remedy():
    gate = ledger_gate([GOOD, replace(GOOD, stream="devices")], [PART])

    assert (gate.name, gate.verdict, gate.remedy) == ("ledger", GateVerdict.PASS, "")
    assert gate.found.startswith("2,400 rows")


@pytest.mark.parametrize(
    ("field", "says", "remedy"),
    [
        ("remainders", "remainders: 3 in devices", "migration ledger"),
        ("pending", "pending: 3 in devices", "workers"),
        ("unproven_lanes", "not proven up to their watermarks: 3 in devices", "--prove"),
    ],
)
def test_one_thing_in_one_stream_shuts_it_by_name_and_says_what_to_do(field, says, remedy):
    gate = ledger_gate([GOOD, replace(GOOD, stream="devices", **{field: 3})], [PART])

    assert gate.verdict is GateVerdict.FAIL
    assert says in gate.found
    assert "users" not in gate.found
    assert remedy in gate.remedy


@pytest.mark.parametrize(("received", "says"), [(101, "+1 in users-1.ndjson[1]"), (99, "-1 in users-1.ndjson[1]")])
def test_a_part_whose_rows_do_not_add_up_shuts_it(received, says):
    gate = ledger_gate([GOOD], [PART, replace(PART, received=received)])

    assert gate.verdict is GateVerdict.FAIL
    assert says in gate.found
    assert "--by partition" in gate.remedy


def test_a_remainder_is_told_before_rows_that_are_only_late():
    gate = ledger_gate([replace(GOOD, remainders=1, pending=5, unproven_lanes=2)], [PART])

    assert "remainders" in gate.found


def test_nothing_registered_is_nothing_proven():
    assert ledger_gate([], []).verdict is GateVerdict.FAIL
