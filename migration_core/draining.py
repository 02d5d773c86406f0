"""Whether everything that was written before the freeze has arrived: lag, drain, ledger and rejects as gates. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from migration_core.gate import Gate, GateVerdict

_NAMED = 3


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """One partition at one look; `end` is the high watermark that was read after the freeze."""

    topic: str
    partition: int
    next_offset: int
    end: int
    high: int
    last_stable: int
    halted: str | None = None

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.topic}[{self.partition}]"


class StreamCounts(Protocol):
    """What the gates need of one stream's ledger."""

    @property
    def stream(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def pending(self) -> int: ...
    @property
    def parked(self) -> int: ...
    @property
    def lanes_with_work(self) -> int: ...
    @property
    def halted_lanes(self) -> int: ...
    @property
    def stream_open(self) -> bool: ...


class PatternCount(Protocol):
    """What the gate needs of one pattern of rejects."""

    @property
    def pattern(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def rejects(self) -> int: ...


def lag_gates(streams: Sequence[StreamCounts], unread: int, max_lag: int) -> list[Gate]:
    """Whether so little is left that the freeze will be short."""
    left = unread + sum(one.pending for one in streams)
    found = f"{left:,} records are not applied yet, {max_lag:,} are allowed"
    return [_gate("lag", left <= max_lag, found, "wait, or add workers"), *running_gates(streams)]


def running_gates(streams: Sequence[StreamCounts]) -> list[Gate]:
    """Whether every stream is past its snapshot and moves."""
    loading = [one.stream for one in streams if not one.stream_open]
    still = [f"{one.stream} is {one.state}: {one.reason}" for one in streams if one.state != "running"]
    still += [f"{one.stream} has {one.halted_lanes} halted lanes" for one in streams if one.halted_lanes]
    return [
        _gate("streams known", bool(streams), f"{len(streams)}", "run `migration schema upgrade`"),
        _gate("snapshots open", not loading, _some(loading) or "all", "let the snapshot loader end"),
        _gate("streams running", not still, _some(still) or "all", "mend the cause, then `migration resume`"),
    ]


def drain_gates(partitions: Sequence[PartitionEnd], streams: Sequence[StreamCounts]) -> list[Gate]:
    """Drained: everything up to the recorded ends is stored, all that is stored has an outcome, nothing is open."""
    open_ = [one.name for one in partitions if one.last_stable != one.high]
    unread = [f"{one.name} at {one.next_offset:,} of {one.end:,}" for one in partitions if one.next_offset < one.end]
    halted = [f"{one.name}: {one.halted}" for one in partitions if one.halted]
    working = [f"{one.stream} has {one.pending:,}" for one in streams if one.pending or one.lanes_with_work]
    parked = [f"{one.stream} has {one.parked:,}" for one in streams if one.parked]
    return [
        _gate(
            "transactions ended", not open_, _some(open_) or "none is open", "end the legacy producers' transactions"
        ),
        _gate("topics stored", not unread, _some(unread) or f"{len(partitions)} partitions", "let the master read on"),
        _gate("partitions read", not halted, _some(halted) or "none stands still", "`migration source show`"),
        _gate("rows applied", not working, _some(working) or "nothing is pending", "let the workers end"),
        _gate(
            "nothing parked", not parked, _some(parked) or "no row", "`migration rejects list` names what it waits for"
        ),
        *running_gates(streams),
    ]


def frozen_gate(partitions: Iterable[PartitionEnd]) -> Gate:
    """Whether the legacy platform has been silent since its ends were recorded."""
    moved = [f"{one.name} from {one.end:,} to {one.high:,}" for one in partitions if one.high > one.end]
    return _gate(
        "legacy platform silent", not moved, _some(moved) or "no record since the freeze", "see what writes there"
    )


def reject_gate(patterns: Iterable[PatternCount]) -> Gate:
    """Whether a person has looked at everything that could not be applied."""
    open_ = [one for one in patterns if one.state == "open" and one.rejects]
    told = [f"{one.rejects:,} {one.code} of {one.stream} ({one.pattern[:10]})" for one in open_]
    return _gate(
        "rejects", not open_, _some(told) or "every pattern is accepted or empty", "redrive or accept each pattern"
    )


def _gate(name: str, passed: bool, found: str, remedy: str) -> Gate:
    return Gate(name, GateVerdict.PASS if passed else GateVerdict.FAIL, found, "" if passed else remedy)


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
