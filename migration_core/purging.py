"""Which raw rows may be removed, and when a stream may be purged at all. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from migration_core.gate import Gate, GateVerdict
from migration_core.sequence import NUMBER_BITS

PURGE_GATE = "purge"


class Settled(NamedTuple):
    """A raw row at or below its lane's audited sequence that was applied, superseded or filtered."""

    sequence: int
    entity_key: bytes
    old: bool
    """Whether it is older than was asked for."""


@dataclass(slots=True)
class Outdated:
    """Finds rows behind which another good row of their key stands, in the same generation.

    The newest good row of each key and generation stays: verify, redrive and replays fold to it, whatever lies before.
    Rows of other generations do not count, since a stream row may be older than the snapshot of a reload before it.
    """

    _generation: int = 0
    _newest: dict[bytes, Settled] = field(default_factory=dict)

    def among(self, rows: Iterable[Settled]) -> list[int]:
        """The sequences that may go, as far as `rows` show it; rows come in sequence, call after call."""
        found = []
        for row in rows:
            generation = row.sequence >> NUMBER_BITS
            if generation != self._generation:
                self._generation = generation
                self._newest.clear()
            before = self._newest.get(row.entity_key)
            if before is not None and before.old:
                found.append(before.sequence)
            self._newest[row.entity_key] = row
        return found


@dataclass(frozen=True, slots=True)
class PurgeFacts:
    """What decides whether a stream may be purged."""

    stream: str
    partial: bool
    paused: bool
    remainders: int
    snapshots_loading: int
    pending: int
    unproven_lanes: int
    parked_keys: int
    open_rejects: int


def purge_gate(facts: PurgeFacts, *, everything: bool) -> Gate:
    """Outdated rows of full images may go at any time; everything only at the end of a stream."""

    def shut(found: str, remedy: str) -> Gate:
        return Gate(PURGE_GATE, GateVerdict.FAIL, f"{facts.stream}: {found}", remedy)

    if facts.remainders:
        return shut(f"the ledger has {facts.remainders} remainders", "mend them first: the rows are the evidence")
    if facts.snapshots_loading:
        return shut("a snapshot is being loaded", "wait until it is complete")
    if not everything:
        if facts.partial:
            return shut(
                "each document is the sum of all its changes, so none of them is outdated",
                "purge it with --everything when the stream has come to its end",
            )
        return Gate(PURGE_GATE, GateVerdict.PASS, f"{facts.stream}: rows that a later one has outdated may go")
    if not facts.paused:
        return shut("it is not paused", f"--everything ends a stream: `migration pause {facts.stream}` first")
    for count, what, remedy in (
        (facts.pending, "rows are pending", "resume the stream until they are applied"),
        (facts.unproven_lanes, "lanes are not proven", "run `migration ledger --prove`"),
        (facts.parked_keys, "keys are parked", "redrive or accept the rejects that they wait for"),
        (facts.open_rejects, "rejects are open", "redrive or accept them: `migration rejects list`"),
    ):
        if count:
            return shut(f"{count:,} {what}", remedy)
    return Gate(PURGE_GATE, GateVerdict.PASS, f"{facts.stream}: it has come to its end")
