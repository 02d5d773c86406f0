"""What the processed schema must hold, found out without any of the pipeline's code."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path

from examples.health_devices import expected
from examples.scenario import Counts, ExpectedReject, ExpectedTable, LogRecord, Row
from examples.snapshot_files import lines

_BATCH = 20_000
Sighting = tuple[str, str, int, int]
"""(stream, phase, part or partition, line or offset) of one record."""


class HealthModel:
    """Keeps the last good record of each key in a file, so that any number of users fits."""

    tables: tuple[ExpectedTable, ...] = expected.TABLES

    def __init__(
        self,
        file: Path,
        *,
        planted: Mapping[tuple[str, bytes | None, bytes | None], str],
        rivals: Iterable[tuple[str, str]],
        topics: Mapping[str, str],
    ) -> None:
        """`planted` names the code of each bad record, `rivals` the pairs of users who claim one login,
        `topics` the stream of each topic."""
        self._planted = planted
        self._rival_of = {one: other for pair in rivals for one, other in (pair, pair[::-1])}
        self._topics = topics
        self._topic_of = {stream: topic for topic, stream in topics.items()}
        self._pending: dict[tuple[str, str | int], bytes | None] = {}
        self._rejects: list[ExpectedReject] = []
        self._claimed: set[str] = set()
        self._snapshot_rows: Counter[str] = Counter()
        self._stream_rows: Counter[str] = Counter()
        file.unlink(missing_ok=True)
        self._state = sqlite3.connect(file, isolation_level=None)
        self._state.executescript(_STATE)

    def snapshot(self, folder: Path) -> None:
        """A key that stands twice in the snapshot keeps its first line."""
        self._state.execute("BEGIN")
        for stream, part, line, record_key, value in lines(folder):
            self._snapshot_rows[stream] += 1
            sighting = (stream, "snapshot", part, line)
            key = expected.key_of(stream, record_key)
            if key is not None and self._seen_before(stream, key):
                self._rejects.append(ExpectedReject(*sighting, "SNAP_DUPLICATE_KEY"))
            else:
                self._fold(sighting, key, record_key, value)
        self._flush()
        self._state.execute("COMMIT")

    def stream(self, records: Iterable[LogRecord]) -> None:
        """Each partition in offset order; how partitions interleave does not matter, since a key keeps to one."""
        self._state.execute("BEGIN")
        for record in records:
            stream = self._topics[record.topic]
            self._stream_rows[stream] += 1
            sighting = (stream, "stream", record.partition, record.offset)
            self._fold(sighting, expected.key_of(stream, record.key), record.key, record.value)
        self._flush()
        self._state.execute("COMMIT")

    def rows(self, table: str) -> Iterator[Row]:
        """Derived now, from the record that stands."""
        stream = next(wanted.stream for wanted in self.tables if wanted.name == table)
        derive = expected.ROWS[table]
        cursor = self._state.execute("SELECT value FROM standing WHERE stream = ? ORDER BY key", (stream,))
        for (value,) in cursor:
            yield from derive(expected.document(value))

    def rejects(self) -> list[ExpectedReject]:
        return sorted(self._rejects)

    def counts(self) -> dict[str, Counts]:
        rejected = Counter(reject.stream for reject in self._rejects)
        return {
            stream: Counts(self._snapshot_rows[stream], self._stream_rows[stream], rejected[stream])
            for stream in self._topic_of
        }

    def close(self) -> None:
        self._state.close()

    def _seen_before(self, stream: str, key: str | int) -> bool:
        """Remembers the key as well."""
        return self._state.execute("INSERT OR IGNORE INTO in_snapshot VALUES (?, ?)", (stream, key)).rowcount == 0

    def _fold(self, sighting: Sighting, key: str | int | None, record_key: bytes | None, value: bytes | None) -> None:
        stream = sighting[0]
        code = self._planted.get((self._topic_of[stream], record_key, value)) or self._rival_code(stream, key)
        if code is not None:
            self._rejects.append(ExpectedReject(*sighting, code))
        elif key is None:
            raise ValueError(f"{sighting} has no readable key, and nobody planted that")
        else:
            self._pending[stream, key] = None if expected.deletes(stream, value) else value
            if len(self._pending) >= _BATCH:
                self._flush()

    def _rival_code(self, stream: str, key: str | int | None) -> str | None:
        """The rival who comes first has the login; the other's record cannot be stored."""
        if stream != "users" or key not in self._rival_of:
            return None
        self._claimed.add(str(key))
        return "UNIQUE_CONFLICT" if self._rival_of[str(key)] in self._claimed else None

    def _flush(self) -> None:
        # In key order, so that neighbours land on one page.
        pending = sorted(self._pending.items(), key=itemgetter(0))
        standing = ((stream, key, value) for (stream, key), value in pending if value is not None)
        gone = (place for place, value in pending if value is None)
        self._state.executemany("INSERT OR REPLACE INTO standing VALUES (?, ?, ?)", standing)
        self._state.executemany("DELETE FROM standing WHERE stream = ? AND key = ?", gone)
        self._pending.clear()


_STATE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32768;
CREATE TABLE standing (stream TEXT, key, value BLOB, PRIMARY KEY (stream, key)) WITHOUT ROWID;
CREATE TABLE in_snapshot (stream TEXT, key, PRIMARY KEY (stream, key)) WITHOUT ROWID;
"""
