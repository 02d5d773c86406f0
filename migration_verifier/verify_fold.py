"""A slice of a lane as folded so far, and the raw rows that stand for chosen keys at a session's moment."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from operator import attrgetter

from db import verify_raw
from db.engine import Session
from db.sources import SourceBook
from db.verify_raw import KeyRow, LaneSlice
from db.verify_rows import CheckedTable
from migration_core.folding import Context
from migration_core.lane import key_hash
from migration_core.mapping import CompiledStream
from migration_core.records import RawRow
from migration_core.standing import Standing

_DENSE = 2
"""One wanted row in so many."""
_ALL_HASHES = 1 << 64
BYTES = 8 << 20
"""Of raw values read at once."""
_KEPT_BYTES = 24 << 20
_FIRST_ROWS, _ROWS = 2000, 20_000
"""After so few rows it is known whether most of a lane's rows stand."""
_sequence = attrgetter("sequence")

Page = tuple[list[KeyRow], frozenset[int], int]
"""(keys of some rows, those of them with an outcome, the last sequence covered)."""


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """One stream and its processed tables."""

    stream_id: int
    stream: CompiledStream
    tables: tuple[CheckedTable, ...] = ()


@dataclass(slots=True)
class LaneFold:
    """Which rows of a slice stand for which key."""

    check: StreamCheck
    part: LaneSlice
    sources: SourceBook
    standing: Standing = field(init=False)
    keep_rows: bool = False
    """Whether every key will be asked for, so that rows are worth keeping."""
    folded_to: int = 0
    _kept: dict[int, RawRow] = field(default_factory=dict)
    _kept_bytes: int = 0
    _sequences: "array[int]" = field(default_factory=lambda: array("q"))
    """Of all rows of the slice."""
    bytes_read: int = 0
    """Of raw values, by the last `rows`."""

    def __post_init__(self) -> None:
        self.standing = Standing(partial=self.check.stream.partial)

    @property
    def context(self) -> Context:
        """What refolding the rows needs beside them."""
        return Context(self.sources.positions, in_window=self.sources.in_window, is_document=self.sources.is_document)

    def take_in(self, session: Session, up_to: int | None = None) -> None:
        """Fold on to `up_to`, or to the watermark that this session sees."""
        to = verify_raw.watermark(session, self.part) if up_to is None else up_to
        for rows, with_outcome, last in self._pages(session, to):
            self.standing.add(rows, with_outcome)
            self._sequences.extend(sequence for sequence, _ in rows)
            self.folded_to = last  # page by page, so that no row is taken in twice when a later one fails

    def _pages(self, session: Session, to: int) -> Iterator[Page]:
        """Whole rows while they are worth it: a row that is read with its key need not be looked up again."""
        rows = _FIRST_ROWS
        while self.folded_to < to and self._keeps_rows():
            found, with_outcome, last = verify_raw.row_page(
                session, self.part, self.folded_to, to, rows=rows, size=BYTES
            )
            self.sources.learn(session, found)
            standing = [row for row in found if not self.sources.held_by_reload(row)]
            self._kept.update((row.sequence, row) for row in standing)
            self._kept_bytes += sum(len(row.value) for row in found if row.value)
            yield [(row.sequence, row.entity_key) for row in standing], with_outcome, last
            rows = _ROWS
        yield from verify_raw.key_pages(session, self.part, self.folded_to, to)

    def _keeps_rows(self) -> bool:
        """Most rows stand so far, and memory is left; then their bytes are of use, and the second look is saved."""
        most_stand = len(self.standing) * 2 >= len(self._sequences)
        return self.keep_rows and self.part.hashes == verify_raw.WHOLE and most_stand and self._kept_bytes < _KEPT_BYTES

    def rows(self, session: Session, keys: Sequence[bytes]) -> Iterator[RawRow]:
        """The rows that stand for `keys`, in sequence; their sources are known once they are given."""
        held = self.standing.held_among(keys)
        outcomes = verify_raw.outcomes_of(session, self.part, {key_hash(key) for key in held})
        still = dict.fromkeys(held, outcomes)
        sequences = sorted(one for key in keys for one in self.standing.rows_of(key, still))
        kept = [row for one in sequences if (row := self._kept.get(one)) is not None]
        self.bytes_read = sum(len(row.value) for row in kept if row.value)
        if len(kept) < len(sequences):
            others = self._looked_up(session, [one for one in sequences if one not in self._kept])
            yield from merge(kept, others, key=_sequence) if kept else others
        else:
            yield from kept

    def _looked_up(self, session: Session, sequences: Sequence[int]) -> Iterator[RawRow]:
        more = True
        while more and sequences:
            dense = self._is_dense(sequences)
            rows, more = verify_raw.rows_at(session, self.part, sequences, size=BYTES, dense=dense)
            sequences = sequences[len(rows) :]
            self.bytes_read += sum(len(row.value) for row in rows if row.value)
            self.sources.learn(session, rows)
            yield from rows

    def _is_dense(self, wanted: Sequence[int]) -> bool:
        """Whether few other rows lie between the first and the last; those of the lane's other slices count too."""
        between = bisect_right(self._sequences, wanted[-1]) - bisect_left(self._sequences, wanted[0])
        low, high = self.part.hashes
        return between * (_ALL_HASHES // (high - low + 1)) <= len(wanted) * _DENSE
