"""Whether the ledger lets the cut-over pass. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from migration_core.gate import Gate, GateVerdict

LEDGER_GATE = "ledger"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class StreamProof:
    """The ledger of one stream, and how far it is proven from the rows."""

    stream: str
    received: int
    applied: int
    superseded: int
    filtered: int
    parked: int
    rejected: int
    pending: int
    unaudited: int
    """Rows with an outcome that the audit has not come to yet."""
    unproven_lanes: int
    """Lanes whose counters were not compared with their rows up to the watermark."""
    remainders: int
    """Things that do not agree: rows, outcomes, counters or offsets."""
    purged: int
    """Of the received rows, those that were removed after they had been proven."""


@dataclass(frozen=True, slots=True)
class SourceLedger:
    """One partition or part: received = done + parked + rejected + pending, all but a part's lines from the rows."""

    stream: str
    source: str
    """The topic, or the part's file."""
    partition: int
    """The partition, or the number of the part."""
    received: int
    done: int
    """Rows at or below the watermark without a row of `row_outcome`."""
    parked: int
    rejected: int
    pending: int

    @property
    def remainder(self) -> int:
        """Rows that are in none of the four, or in two."""
        return self.received - self.done - self.parked - self.rejected - self.pending


def ledger_gate(streams: Sequence[StreamProof], sources: Sequence[SourceLedger]) -> Gate:
    """Passes when every row that was received has exactly one outcome, none is pending, and all of it is proven."""

    def shut(found: str, remedy: str) -> Gate:
        return Gate(LEDGER_GATE, GateVerdict.FAIL, found, remedy)

    def each(counts: dict[str, int]) -> str:
        return ", ".join(f"{count:,} in {name}" for name, count in counts.items() if count)

    remainders = {one.stream: one.remainders for one in streams}
    pending = {one.stream: one.pending for one in streams}
    unproven = {one.stream: one.unproven_lanes for one in streams}
    if not streams:
        return shut("no stream is registered", "run `migration schema upgrade`")
    if any(remainders.values()):
        return shut(
            f"the ledger has remainders: {each(remainders)}",
            "look at `migration ledger`, mend the cause, then run `migration ledger --prove`",
        )
    odd = [one for one in sources if one.remainder]
    if odd:
        named = ", ".join(f"{one.remainder:+,} in {one.source}[{one.partition}]" for one in odd[:_NAMED])
        return shut(
            f"{len(odd)} partitions or parts have remainders: {named}", "look at `migration ledger --by partition`"
        )
    if any(pending.values()):
        return shut(f"rows are pending: {each(pending)}", "wait until the workers have applied them")
    if any(unproven.values()):
        return shut(
            f"lanes are not proven up to their watermarks: {each(unproven)}",
            "let `migration verifier` run, or run `migration ledger --prove`",
        )
    received = sum(one.received for one in streams)
    return Gate(LEDGER_GATE, GateVerdict.PASS, f"{received:,} rows received, and each has exactly one outcome")
