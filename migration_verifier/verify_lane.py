"""Pass one over a slice of a lane: raw folded up to the watermark, derived through the mapping, and looked up."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from db.engine import Database, Session
from db.errno import LOOK_TIMEOUT
from db.failure import SqlError
from db.sources import SourceBook
from db.verify_raw import LaneSlice
from migration_core.difference import REJECTED_NOW, Difference
from migration_core.folding import Rows, refold_effects
from migration_verifier.verify_compare import Expected, compare
from migration_verifier.verify_fold import BYTES, LaneFold, StreamCheck

_FIRST_KEYS, _MOST_KEYS = 1000, 4000
"""Compared in one snapshot: far less than its two seconds."""


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
        self._fold = LaneFold(check, part, sources)
        self.watermark = 0
        """Every key with a row up to here is compared."""

    @property
    def keys(self) -> Collection[bytes]:
        """All keys that occur in raw, once `chunks` has begun."""
        return self._fold.standing.keys

    def chunks(self, *, after: int = 0, since: int = 0) -> Iterator[Chunk]:
        """Compare every key whose last row lies beyond both, in that order; resumes at the place of any chunk."""
        self._fold.keep_rows = not after and not since
        with self._database.transaction() as session:
            self._fold.take_in(session)
        self.watermark = self._fold.folded_to
        keys = self._fold.standing.in_order(after=after, since=since)
        done, count, most = 0, _FIRST_KEYS, _MOST_KEYS
        while done < len(keys):
            chosen = keys[done : done + count]
            try:
                with self._database.snapshot() as session:
                    self._fold.take_in(session)
                    expected = self._expected(session, [key for _, key in chosen])
                    differences = list(compare(session, self._check.tables, expected))
            except SqlError as error:
                if error.errno != LOOK_TIMEOUT or count == 1:
                    raise
                most = count = count // 2  # the server is slow, or the rows are large
                continue
            done += len(chosen)
            count = max(1, min(most, count * 2, len(chosen) * BYTES // max(1, self._fold.bytes_read)))
            yield Chunk(chosen[-1][0], self._count(expected), differences)

    def _expected(self, session: Session, keys: Sequence[bytes]) -> Expected:
        """What the tables must hold for `keys` at this session's moment."""
        stream, fold = self._check.stream, self._fold
        folded = refold_effects(stream, fold.rows(session, keys), fold.context, partial=stream.partial)
        rows: dict[bytes, Rows | None] = dict.fromkeys(keys)
        rows.update((effect.key, effect.rows) for effect in folded.effects)
        because = {
            rejection.row.entity_key or b"": f"{REJECTED_NOW}: {rejection.reason.code}"
            for rejection in folded.rejections
        }
        return Expected(rows, because)

    def _count(self, expected: Expected) -> Counter[str]:
        found: Counter[str] = Counter()
        for index, table in enumerate(self._check.tables):
            found[table.table.name] = sum(len(rows[index]) for rows in expected.rows.values() if rows)
        return found
