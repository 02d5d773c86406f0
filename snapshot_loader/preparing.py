"""From lines of a part to raw rows: the loader's hot path."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from db import raw
from db.snapshot_store import LaneRows, RawChunk
from migration_core import sequence
from migration_core.containers import VALUES_ALONE, Parse
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

    @property
    def before(self) -> int:
        """The sequence before the part's first line."""
        return sequence.pack(self.generation, sequence.snapshot_number(self.part, 0))


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
    malformed: list[int] = field(default_factory=list)
    """Numbers of the lines that do not follow the container."""


def prepare(chunk: Chunk, rules: PartRules) -> Prepared:
    """Every line becomes one raw row: a malformed one whole and flagged, one without a readable key in lane 0."""
    sequence.snapshot_number(rules.part, chunk.end.lines)  # the last number must fit as well
    keys: dict[int, LaneKeys] = defaultdict(LaneKeys)
    malformed: list[int] = []
    alone = rules.parse in VALUES_ALONE
    rows = _values(chunk, rules, keys) if alone else _records(chunk, rules, keys, malformed)
    heads = {lane: LaneRows(kept.sequences[-1], len(kept.sequences), kept.time) for lane, kept in keys.items()}
    return Prepared(RawChunk(rows, heads, chunk.end), keys, malformed)


def _values(chunk: Chunk, rules: PartRules, keys: dict[int, LaneKeys]) -> list[bytes]:
    """As `_records`, where a line cannot be malformed and holds nothing but a value."""
    key_of, lanes, source_id, value_line = rules.key_of, rules.lanes, rules.source_id, raw.value_line
    before = rules.before
    rows: list[bytes] = []
    for number, line in enumerate(chunk.lines, chunk.first_line):
        place = before + number
        try:
            key = key_of(None, line)
        except Rejected:
            # The worker finds the same cause again, and rejects the row there.
            hashed, lane = 0, KEYLESS_LANE
            rows.append(raw.line(lane, place, source_id, Received(number, None, line, None, None, 0), None))
        else:
            hashed = key_hash(key)
            lane = (hashed & _CRC) % lanes
            rows.append(value_line(lane, place, source_id, number, line, key, hashed))
        kept = keys[lane]
        kept.hashes.append(hashed)
        kept.sequences.append(place)
    return rows


def _records(chunk: Chunk, rules: PartRules, keys: dict[int, LaneKeys], malformed: list[int]) -> list[bytes]:
    parse, key_of, lanes, source_id = rules.parse, rules.key_of, rules.lanes, rules.source_id
    before = rules.before
    rows: list[bytes] = []
    for number, line in enumerate(chunk.lines, chunk.first_line):
        place = before + number
        flags = 0
        key: bytes | None
        try:
            record = parse(line, number)
            key = key_of(record.record_key, record.value)
            hashed = key_hash(key)
            lane = (hashed & _CRC) % lanes
        except Rejected as rejected:
            key, hashed, lane = None, 0, KEYLESS_LANE
            if rejected.reason.stage == "container":
                record, flags = Received(number, None, line, None, None, 0), Flag.MALFORMED_LINE
                malformed.append(number)
        rows.append(raw.line(lane, place, source_id, record, key, flags, hashed=hashed))
        kept = keys[lane]
        kept.hashes.append(hashed)
        kept.sequences.append(place)
        kept.time = record.time
    return rows
