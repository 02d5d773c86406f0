"""The same comparison with a fresh snapshot of the legacy platform, which also shows what the stream never told."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from db import verify_store
from db.engine import Database
from migration_core.difference import REJECTED_NOW, Difference
from migration_core.errors import Rejected
from migration_core.folding import Rows
from migration_core.lane import key_hash
from migration_core.records import Op, Position, Received
from migration_verifier.verify_compare import Expected, compare
from migration_verifier.verify_fold import StreamCheck
from migration_verifier.verify_walk import KnownKeys, walk

_KEYS = 1000
_NEVER = (1 << 63) - 1
"""A watermark behind which nothing is looked for: the snapshot holds all keys that there are."""


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """One part, with its records in order."""

    file: str
    number: int
    records: Iterable[Received]


def without_places(check: StreamCheck) -> StreamCheck:
    """Without the columns that say where a record came from: a snapshot's lines lie elsewhere."""
    return replace(check, tables=tuple(one.without(one.table.sourced) for one in check.tables))


@dataclass(slots=True)
class Against:
    """Compares the tables of one stream with its snapshot; differences are stored as they are found."""

    database: Database
    run_id: int
    check: StreamCheck
    """As the mapping has it."""
    reduced: StreamCheck
    """The same `without_places`."""
    keep: int = 100_000

    def run(self, parts: Iterable[SnapshotPart]) -> Counter[str]:
        """{table: rows compared}."""
        compared: Counter[str] = Counter()
        hashes = array("Q")
        for part in parts:
            waiting = iter(part.records)
            while records := list(islice(waiting, _KEYS)):
                expected = self._expected(part, records)
                hashes.extend(map(key_hash, expected.rows))
                with self.database.snapshot() as session:
                    self._store(list(compare(session, self.reduced.tables, expected)))
                for index, table in enumerate(self.reduced.tables):
                    compared[table.table.name] += sum(len(rows[index]) for rows in expected.rows.values() if rows)
        in_order = array("Q", sorted(hashes))
        known = KnownKeys((lane, _NEVER, in_order) for lane in range(self.check.stream.lanes))
        for table in self.reduced.tables:
            for page in walk(self.database, self.reduced, table, known):
                self._store(page.differences)
        return compared

    def _expected(self, part: SnapshotPart, records: Sequence[Received]) -> Expected:
        """What the tables must hold for the keys of these records; a record without a key says nothing of any."""
        stream = self.check.stream
        rows: dict[bytes, Rows | None] = {}
        because: dict[bytes, str] = {}
        for record in records:
            try:
                key = stream.key_of(record.record_key, record.value)
            except Rejected:
                continue
            rows[key] = None
            try:
                change = stream.decode(record.record_key, record.value)
                if change.document is None or change.op is Op.DELETE:
                    continue
                stream.check_key(key, change.document)
                place = Position(part.file, part.number, record.source_offset)
                rows[key] = self._projected(stream.rows(change.document, place, record.time, 0))
            except Rejected as rejected:
                because[key] = f"{REJECTED_NOW}: {rejected.reason.code}"
        return Expected(rows, because)

    def _projected(self, rows: Rows | None) -> Rows | None:
        if rows is None:
            return None
        found = []
        for some, whole, reduced in zip(rows, self.check.tables, self.reduced.tables, strict=True):
            places = [whole.table.columns.index(name) for name in reduced.table.columns]
            found.append([tuple(row[place] for place in places) for row in some])
        return tuple(found)

    def _store(self, differences: Sequence[Difference]) -> None:
        if differences:
            with self.database.transaction() as session:
                verify_store.store_differences(
                    session, self.run_id, self.check.stream.name, differences, keep=self.keep
                )
