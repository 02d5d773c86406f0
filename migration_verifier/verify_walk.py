"""Pass two over one processed table: rows whose key no document ever had, found by a walk in primary-key order."""

import json
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from db import verify_raw
from db.engine import Database, Session
from db.verify_raw import LaneSlice
from db.verify_rows import CheckedTable
from migration_core.difference import UNKNOWN_KEY, Difference, DifferenceKind
from migration_core.errors import Rejected
from migration_core.key import KeyPart, canonical
from migration_core.lane import key_hash
from migration_verifier.verify_fold import StreamCheck

_PAGE = 5000
_LANE_BITS = 0xFFFFFFFF


class KnownKeys:
    """The hashes of all keys of some lanes, 8 bytes each; rows that are applied meanwhile are taken in on demand."""

    def __init__(self, folds: Iterable[tuple[int, int, "array[int]"]]) -> None:
        self._hashes: dict[int, list[array[int]]] = defaultdict(list)
        self._folded_to: dict[int, int] = {}
        self._later: dict[int, set[int]] = defaultdict(set)
        for lane, watermark, hashes in folds:
            self._hashes[lane].append(hashes)
            # The slices of a lane were folded one after the other: what lies beyond the first may be missing in it.
            self._folded_to[lane] = min(watermark, self._folded_to.get(lane, watermark))

    @property
    def lanes(self) -> frozenset[int]:
        """The lanes whose keys are known."""
        return frozenset(self._folded_to)

    def has(self, lane: int, hashed: int) -> bool:
        """Whether a key of this hash occurs in raw, as far as is known."""
        for hashes in self._hashes[lane]:
            place = bisect_left(hashes, hashed)
            if place < len(hashes) and hashes[place] == hashed:
                return True
        return hashed in self._later[lane]

    def catch_up(self, session: Session, stream: str, stream_id: int, lane: int) -> None:
        """Take in the rows of a lane up to the watermark that this session sees."""
        part = LaneSlice(stream, stream_id, lane)
        up_to = verify_raw.watermark(session, part)
        for rows, _, last in verify_raw.key_pages(session, part, self._folded_to[lane], up_to):
            self._later[lane].update(key_hash(key) for _, key in rows if key is not None)
            self._folded_to[lane] = last


@dataclass(frozen=True, slots=True)
class Page:
    """Some entities of a table; the walk goes on behind `after`."""

    after: tuple[KeyPart, ...]
    entities: int
    differences: list[Difference]


def walk(
    database: Database,
    check: StreamCheck,
    table: CheckedTable,
    known: KnownKeys,
    *,
    after: tuple[KeyPart, ...] | None = None,
) -> Iterator[Page]:
    """Every row of `table` whose entity is in one of the lanes of `known` and occurs in no raw row."""
    while True:
        with database.snapshot() as session:
            entities = table.entities_after(session, after, limit=_PAGE)
            found = _strangers(session, check, known, entities)
            differences = [one for entity, hashed in found for one in _extra_rows(session, table, entity, hashed)]
        if entities:
            after = entities[-1]
            yield Page(after, len(entities), differences)
        if len(entities) < _PAGE:
            return


def _strangers(
    session: Session, check: StreamCheck, known: KnownKeys, entities: Sequence[tuple[KeyPart, ...]]
) -> list[tuple[tuple[KeyPart, ...], int]]:
    """The entities that no raw row up to the watermark names, with their hashes."""
    lanes, count, has = known.lanes, check.stream.lanes, known.has
    suspects: dict[int, list[tuple[tuple[KeyPart, ...], int]]] = defaultdict(list)
    for entity in entities:
        try:
            hashed = key_hash(canonical(entity))
        except Rejected:
            suspects[-1].append((entity, 0))  # no key could be this, so no lane has it
            continue
        lane = (hashed & _LANE_BITS) % count
        if lane in lanes and not has(lane, hashed):
            suspects[lane].append((entity, hashed))
    found = suspects.pop(-1, [])
    for lane, some in suspects.items():
        known.catch_up(session, check.stream.name, check.stream_id, lane)
        found += [one for one in some if not has(lane, one[1])]
    return found


def _extra_rows(
    session: Session, table: CheckedTable, entity: tuple[KeyPart, ...], hashed: int
) -> Iterator[Difference]:
    rows = [[texts[place] for place in table.key_places] for texts in table.texts_of(session, [entity])]
    for row in rows or [[str(part) for part in entity]]:  # a key that is no text is found by the walk alone
        primary = json.dumps(row, ensure_ascii=False)
        yield Difference(table.table.name, DifferenceKind.EXTRA, hashed, primary, pattern=UNKNOWN_KEY)
