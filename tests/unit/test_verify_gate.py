"""What a verification says on the way to cut-over."""

from dataclasses import replace

from db.verify_store import PatternCount
from migration_core.assertion import Disagreement
from migration_core.gate import GateVerdict
from migration_verifier.verify_assert import AssertionResult
from migration_verifier.verify_run import Verification, verify_gate

EQUAL = Verification(
    run_id=1,
    started_at="2021-01-01 00:00:00",
    finished_at="2021-01-01 00:01:00",
    since=None,
    compared={"users": 7},
    walked={"users": 7},
    watermarks={"users": {0: 9}},
    patterns=[],
)


def test_only_a_run_that_ended_and_found_everything_equal_opens_the_gate():
    pattern = PatternCount(1, "users", "users", "different", "name", "emptied", 3)
    broken = AssertionResult("users", "users by name", 1, [Disagreement("Ana", "1", "2")])

    assert verify_gate(EQUAL).verdict is GateVerdict.PASS
    for other in (
        None,
        replace(EQUAL, finished_at=None),
        replace(EQUAL, patterns=[pattern]),
        replace(EQUAL, assertions=[broken]),
    ):
        gate = verify_gate(other)
        assert gate.verdict is GateVerdict.FAIL
        assert gate.remedy
    assert "3 differences" in verify_gate(replace(EQUAL, patterns=[pattern])).found
    assert "users by name" in verify_gate(replace(EQUAL, assertions=[broken])).found
