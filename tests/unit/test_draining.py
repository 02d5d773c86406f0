"""What keeps a drain from being over, one cause at a time."""

from dataclasses import dataclass

import pytest

from migration_core.draining import PartitionEnd, drain_gates, frozen_gate, lag_gates, reject_gate
from migration_core.gate import GateVerdict


@dataclass(frozen=True)
class Counts:
    stream: str = "users"
    state: str = "running"
    reason: str = ""
    received: int = 100
    pending: int = 0
    parked: int = 0
    lanes_with_work: int = 0
    halted_lanes: int = 0
    stream_open: bool = True


@dataclass(frozen=True)
class Found:
    pattern: str = "ab12"
    stream: str = "users"
    code: str = "FIELD_NULL"
    state: str = "open"
    rejects: int = 3


def partition(**changes):
    at_rest = {"topic": "t", "partition": 0, "next_offset": 10, "end": 10, "high": 10, "last_stable": 10}
    return PartitionEnd(**(at_rest | changes))


def shut(gates):
    return [gate.name for gate in gates if gate.verdict is GateVerdict.FAIL]


def test_a_copy_at_rest_is_drained():
    assert shut(drain_gates([partition()], [Counts()])) == []


@pytest.mark.parametrize(
    ("partitions", "streams", "gate"),
    [
        ([partition(last_stable=9)], [Counts()], "transactions ended"),
        ([partition(next_offset=9)], [Counts()], "topics stored"),
        ([partition(halted="a gap")], [Counts()], "partitions read"),
        ([partition()], [Counts(pending=1)], "rows applied"),
        ([partition()], [Counts(lanes_with_work=1)], "rows applied"),
        ([partition()], [Counts(parked=1)], "nothing parked"),
        ([partition()], [Counts(stream_open=False)], "snapshots open"),
        ([partition()], [Counts(state="paused")], "streams running"),
        ([partition()], [Counts(halted_lanes=1)], "streams running"),
        ([partition()], [], "streams known"),
    ],
)
def test_each_thing_that_is_left_keeps_the_drain_from_being_over(partitions, streams, gate):
    assert shut(drain_gates(partitions, streams)) == [gate]


def test_a_record_after_the_freeze_shows_that_the_old_platform_is_still_written():
    assert frozen_gate([partition(high=11)]).verdict is GateVerdict.FAIL
    assert frozen_gate([partition()]).verdict is GateVerdict.PASS


def test_lag_counts_what_is_stored_and_what_is_not():
    assert shut(lag_gates([Counts(pending=60)], 40, 100)) == []
    assert shut(lag_gates([Counts(pending=60)], 41, 100)) == ["lag"]


def test_rejects_are_settled_when_every_pattern_is_accepted_or_empty():
    settled = [Found(state="accepted"), Found(rejects=0), Found(state="fixed", rejects=0)]

    assert reject_gate(settled).verdict is GateVerdict.PASS
    assert reject_gate([*settled, Found()]).found == "3 FIELD_NULL of users (ab12)"


def test_a_long_list_is_told_by_its_first_and_by_how_many_more_there_are():
    gates = drain_gates([partition(partition=number, next_offset=9) for number in range(5)], [Counts()])

    assert next(gate.found for gate in gates if gate.name == "topics stored").endswith("t[2] at 9 of 10 and 2 more")
