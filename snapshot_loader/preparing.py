"""From lines of a part to raw rows: the loader's hot path."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from db import raw
from db.snapshot_store import LaneRows, RawChunk
from migration_core import sequence
from migration_core.containers import Parse
from migration_core.errors import Rejected
from migration_core.lane import KEYLESS_LANE, key_hash
from migration_core.records import Flag, Received
from snapshot_loader.reading import Chunk

_CRC = 0xFFFF_FFFF
"""The low half of a key's hash is the CRC that `lane_of` takes."""
KeyOf = Callable[[bytes | None, bytes | None], bytes]


@dataclass(frozen=True, slots=True)
class PartRules:
    """What does not change within a part."""

    parse: Parse
    key_of: KeyOf
    lanes: int
    generation: int
    part: int
    source_id: int


@dataclass(slots=True)
class LaneKeys:
    """The rows of one lane, in order."""

    hashes: list[int] = field(default_factory=list)
    """0 where there is no key."""
    sequences: list[int] = field(default_factory=list)
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """One chunk, ready to be stored."""

    raw: RawChunk
    keys: dict[int, LaneKeys]


def prepare(chunk: Chunk, rules: PartRules) -> Prepared:
    """Every line becomes one raw row: a malformed one whole and flagged, one without a readable key in lane 0."""
    parse, key_of, lanes, source_id = rules.parse, rules.key_of, rules.lanes, rules.source_id
    place = sequence.pack(rules.generation, sequence.snapshot_number(rules.part, 0)) + chunk.first_line - 1
    sequence.snapshot_number(rules.part, chunk.end.lines)  # the last number must fit as well
    rows: list[bytes] = []
    keys: dict[int, LaneKeys] = defaultdict(LaneKeys)
    for number, line in enumerate(chunk.lines, chunk.first_line):
        place += 1
        flags = 0
        key: bytes | None
        try:
            record = parse(line, number)
            key = key_of(record.record_key, record.value)
            hashed = key_hash(key)
            lane = (hashed & _CRC) % lanes
        except Rejected as rejected:
            # The worker finds the same cause again, and rejects the row there.
            key, hashed, lane = None, 0, KEYLESS_LANE
            if rejected.reason.stage == "container":
                record, flags = Received(number, None, line, None, None, 0), Flag.MALFORMED_LINE
        rows.append(raw.line(lane, place, source_id, record, key, flags, hashed=hashed))
        kept = keys[lane]
        kept.hashes.append(hashed)
        kept.sequences.append(place)
        kept.time = record.time
    heads = {lane: LaneRows(kept.sequences[-1], len(kept.sequences), kept.time) for lane, kept in keys.items()}
    return Prepared(RawChunk(rows, heads, chunk.end), keys)
