"""Pass one over a slice of a lane: raw folded up to the watermark, derived through the mapping, and looked up."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from db import verify_raw
from db.engine import Database, Session
from db.sources import SourceBook
from db.verify_raw import LaneSlice
from db.verify_rows import CheckedTable
from migration_core.difference import REJECTED_NOW, Difference
from migration_core.folding import Context, Folded, Rows, fold_images, refold_partial
from migration_core.lane import key_hash
from migration_core.mapping import CompiledStream
from migration_core.records import RawRow
from migration_core.standing import Standing
from migration_verifier.verify_compare import Expected, compare

_FIRST_KEYS, _MOST_KEYS = 250, 2000
"""Compared in one snapshot: far less than its two seconds."""
_BYTES = 8 << 20
"""Of raw values, about, in one snapshot."""


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """One stream and its processed tables."""

    stream_id: int
    stream: CompiledStream
    tables: tuple[CheckedTable, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one snapshot showed; every key up to `place` is done with it."""

    place: int
    rows: Counter[str]
    """{table: rows compared}."""
    differences: list[Difference]


class LaneVerifier:
    """Verifies the keys of one slice."""

    def __init__(self, database: Database, check: StreamCheck, part: LaneSlice, sources: SourceBook) -> None:
        self._database = database
        self._check = check
        self._part = part
        self._sources = sources
        self._standing = Standing(partial=check.stream.partial)
        self._bytes = 0
        self.watermark = 0
        """Every key with a row up to here is compared."""

    @property
    def keys(self) -> Collection[bytes]:
        """All keys that occur in raw, once `chunks` has begun."""
        return self._standing.keys

    def chunks(self, *, after: int = 0, since: int = 0) -> Iterator[Chunk]:
        """Compare every key whose last row lies beyond both, in that order; resumes at the place of any chunk."""
        with self._database.transaction() as session:
            folded_to = self._fold(session, 0)
        self.watermark = folded_to
        keys = self._standing.in_order(after=after, since=since)
        done, count = 0, _FIRST_KEYS
        while done < len(keys):
            chosen = keys[done : done + count]
            with self._database.snapshot() as session:
                folded_to = self._fold(session, folded_to)
                expected = self._expected(session, [key for _, key in chosen])
                differences = list(compare(session, self._check.tables, expected))
            done += len(chosen)
            count = max(1, min(_MOST_KEYS, count * 2, len(chosen) * _BYTES // max(1, self._bytes)))
            yield Chunk(chosen[-1][0], self._count(expected), differences)

    def _fold(self, session: Session, after: int) -> int:
        """Take in the rows up to the watermark that this session sees, which is returned."""
        up_to = verify_raw.watermark(session, self._part)
        for rows, with_outcome in verify_raw.key_pages(session, self._part, after, up_to):
            self._standing.add(rows, with_outcome)
        return max(up_to, after)

    def _expected(self, session: Session, keys: Sequence[bytes]) -> Expected:
        """What the tables must hold for `keys` at this session's moment."""
        held = self._standing.held_among(keys)
        outcomes = verify_raw.outcomes_of(session, self._part, {key_hash(key) for key in held})
        still = dict.fromkeys(held, outcomes)
        sequences = sorted(one for key in keys for one in self._standing.rows_of(key, still))
        folded = self._refold(self._rows(session, sequences))
        rows: dict[bytes, Rows | None] = dict.fromkeys(keys)
        rows.update((effect.key, effect.rows) for effect in folded.effects)
        because = {
            rejection.row.entity_key or b"": f"{REJECTED_NOW}: {rejection.reason.code}"
            for rejection in folded.rejections
        }
        return Expected(rows, because)

    def _refold(self, rows: Iterable[RawRow]) -> Folded:
        positions, in_window = self._sources.positions, self._sources.in_window
        if self._check.stream.partial:
            return refold_partial(self._check.stream, rows, Context(positions, in_window=in_window))
        return fold_images(self._check.stream, rows, Context(positions), coalesce=True)

    def _rows(self, session: Session, sequences: Sequence[int]) -> Iterator[RawRow]:
        self._bytes = 0
        more = True
        while more and sequences:
            rows, more = verify_raw.rows_at(session, self._part, sequences, size=_BYTES)
            sequences = sequences[len(rows) :]
            self._bytes += sum(len(row.value) for row in rows if row.value)
            self._sources.learn(session, {row.source_id for row in rows})
            yield from rows

    def _count(self, expected: Expected) -> Counter[str]:
        found: Counter[str] = Counter()
        for index, table in enumerate(self._check.tables):
            found[table.table.name] = sum(len(rows[index]) for rows in expected.rows.values() if rows)
        return found
