"""A slice of a lane as folded so far, and the raw rows that stand for chosen keys at a session's moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from db import verify_raw
from db.engine import Session
from db.sources import SourceBook
from db.verify_raw import LaneSlice
from db.verify_rows import CheckedTable
from migration_core.folding import Context
from migration_core.lane import key_hash
from migration_core.mapping import CompiledStream
from migration_core.records import RawRow
from migration_core.standing import Standing

BYTES = 8 << 20
"""Of raw values read at once."""


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
    folded_to: int = 0
    bytes_read: int = 0
    """Of raw values, by the last `rows`."""

    def __post_init__(self) -> None:
        self.standing = Standing(partial=self.check.stream.partial)

    @property
    def context(self) -> Context:
        """What refolding the rows needs beside them."""
        return Context(self.sources.positions, in_window=self.sources.in_window)

    def take_in(self, session: Session, up_to: int | None = None) -> None:
        """Fold on to `up_to`, or to the watermark that this session sees."""
        to = verify_raw.watermark(session, self.part) if up_to is None else up_to
        for rows, with_outcome, last in verify_raw.key_pages(session, self.part, self.folded_to, to):
            self.standing.add(rows, with_outcome)
            self.folded_to = last  # page by page, so that no row is taken in twice when a later one fails

    def rows(self, session: Session, keys: Sequence[bytes]) -> Iterator[RawRow]:
        """The rows that stand for `keys`, in sequence; their sources are known once they are given."""
        held = self.standing.held_among(keys)
        outcomes = verify_raw.outcomes_of(session, self.part, {key_hash(key) for key in held})
        still = dict.fromkeys(held, outcomes)
        sequences = sorted(one for key in keys for one in self.standing.rows_of(key, still))
        self.bytes_read, more = 0, True
        while more and sequences:
            rows, more = verify_raw.rows_at(session, self.part, sequences, size=BYTES)
            sequences = sequences[len(rows) :]
            self.bytes_read += sum(len(row.value) for row in rows if row.value)
            self.sources.learn(session, {row.source_id for row in rows})
            yield from rows
