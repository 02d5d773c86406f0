"""The newest record of every key, on disk: what a platform that keeps full documents would export."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from migration_core.errors import Rejected
from migration_core.mapping import CompiledStream
from migration_core.records import Op, Received

Place = tuple[str, int]
"""(topic, partition)."""

_SCHEMA = (
    "CREATE TABLE latest (entity BLOB NOT NULL UNIQUE, topic TEXT, kafka_partition INT, kafka_offset INT, "
    "record_key BLOB, value BLOB, headers BLOB, time INT, time_type INT)"
)
_KEEP = (
    "INSERT INTO latest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (entity) DO UPDATE SET topic = excluded.topic, "
    "kafka_partition = excluded.kafka_partition, kafka_offset = excluded.kafka_offset, "
    "record_key = excluded.record_key, value = excluded.value, headers = excluded.headers, time = excluded.time, "
    "time_type = excluded.time_type"
)


class Latest:
    """Fed with records in order of their partitions; a file in `folder` holds them until `close`."""

    def __init__(self, folder: Path, stream: CompiledStream) -> None:
        self._stream = stream
        self._file = folder / f".{stream.name}.latest"
        self._file.unlink(missing_ok=True)
        self._rows = sqlite3.connect(self._file, isolation_level=None)
        # A crash begins the snapshot anew, so nothing of this need survive one.
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -32768"):
            self._rows.execute(f"PRAGMA {setting}")
        self._rows.execute(_SCHEMA)

    def take(self, place: Place, records: Iterable[Received]) -> None:
        """Each record takes the place of its key's earlier one."""
        self._rows.execute("BEGIN")
        self._rows.executemany(_KEEP, [(self._entity(place, record), *place, *record) for record in records])
        self._rows.execute("COMMIT")

    def records(self) -> Iterator[tuple[Place, Received]]:
        """What there is at the end, in the order in which keys first came; deleted ones are absent."""
        found = self._rows.execute(
            "SELECT topic, kafka_partition, kafka_offset, record_key, value, headers, time, time_type "
            "FROM latest ORDER BY rowid"
        )
        for topic, partition, *record in found:
            received = Received(*record)
            if not self._deletes(received):
                yield (topic, partition), received

    def close(self) -> None:
        """Remove the file."""
        self._rows.close()
        self._file.unlink(missing_ok=True)

    def _entity(self, place: Place, record: Received) -> bytes:
        try:
            return self._stream.key_of(record.record_key, record.value)
        except Rejected:
            # It is nobody's newest record, so it takes the place of none. A canonical key never begins so.
            return f"\0{place[0]}\0{place[1]}\0{record.source_offset}".encode()

    def _deletes(self, record: Received) -> bool:
        if record.value is None:
            return True
        with suppress(Rejected):  # a bad record is exported as it is: the migration must find it
            return self._stream.decode(record.record_key, record.value).op is Op.DELETE
        return False
