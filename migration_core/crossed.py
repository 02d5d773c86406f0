"""Keys that stand in two partitions of a topic: Kafka orders none of their records, so a person must know. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from migration_core.gate import Gate, GateVerdict

GATE = "one partition a key"
ROWS_AT_ONCE = 4_000_000
"""How many rows of a lane the server may group in one statement."""
LISTED = 20
"""Keys of one lane that are kept by name; all are counted."""
_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class CrossedKey:
    """One key and the partitions in which its rows stand."""

    key: bytes
    topic: str
    partitions: tuple[tuple[int, int], ...]
    """(partition, rows)."""


@dataclass(frozen=True, slots=True)
class CrossedLane:
    """What the last look at one lane found."""

    stream: str
    lane: int
    crossed: int
    accepted: int
    accepted_by: str | None
    because: str | None
    keys: tuple[CrossedKey, ...]
    looked_at: bool


def hash_ranges(rows: int) -> list[tuple[int, int]]:
    """The slices of key hashes, both ends within, in which a lane of so many rows is looked at."""
    count = max(1, -(-rows // ROWS_AT_ONCE))
    return [(_HASHES * part // count, _HASHES * (part + 1) // count - 1) for part in range(count)]


def crossed_gate(looked: Sequence[CrossedLane]) -> Gate:
    """Whether the order of every key is the order of its partition, or a person has let the exceptions pass."""
    open_: Counter[str] = Counter()
    known: Counter[str] = Counter()
    unknown = set()
    for lane in looked:
        if not lane.looked_at:
            unknown.add(lane.stream)
        accepted = lane.accepted_by is not None and lane.crossed <= lane.accepted
        (known if accepted else open_)[lane.stream] += lane.crossed
    if unknown:
        found = f"rows of {', '.join(sorted(unknown))} were never looked at"
        return Gate(GATE, GateVerdict.FAIL, found, "run `migration keys list`")
    if told := _told(open_):
        remedy = "see `migration keys list`; `migration keys accept` when their order does not matter"
        return Gate(GATE, GateVerdict.FAIL, told, remedy)
    if told := _told(known):
        by = "; ".join(sorted({f"by {lane.accepted_by}: {lane.because}" for lane in looked if lane.accepted_by}))
        return Gate(GATE, GateVerdict.WARN, f"{told}, accepted {by}", "nothing, unless their order matters after all")
    return Gate(GATE, GateVerdict.PASS, "every key stands in one partition of its topic")


def _told(counts: Counter[str]) -> str:
    found = [f"{count:,} keys of {stream}" for stream, count in sorted(counts.items()) if count]
    return f"{', '.join(found)} stand in two partitions of a topic" if found else ""
