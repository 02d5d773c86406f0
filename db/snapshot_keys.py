"""Keys of a snapshot's raw rows: their hashes after a restart, and the bytes behind hashes that stand twice."""

from collections.abc import Iterator, Sequence

from db import raw
from db.bulk import quoted
from db.engine import Database
from db.registry import RegisteredStream
from migration_core.sequence import first_of

_KEYS_A_QUERY = 1000
_ROWS_A_QUERY = 100_000


class SnapshotKeys:
    """Reads committed rows of one snapshot without a lock: nobody changes them."""

    def __init__(self, database: Database, stream: RegisteredStream, generation: int) -> None:
        self._database = database
        self._stream = stream
        self._before = first_of(generation) - 1
        self._table = quoted(raw.table_of(stream.name))

    def hashes(self, lane: int, after: int, up_to: int) -> Iterator[tuple[list[int], list[int]]]:
        """(hashes, sequences) of a lane's rows between two sequences, in order; 0 where there is no key."""
        after = max(after, self._before)
        while True:
            with self._database.transaction() as session:
                rows = session.connection.text_rows(
                    f"SELECT key_hash, sequence FROM {self._table} WHERE lane = {lane} AND sequence > {after} "
                    f"AND sequence <= {up_to} ORDER BY sequence LIMIT {_ROWS_A_QUERY}"
                )
            if not rows:
                return
            sequences = [int(sequence) for _, sequence in rows]
            after = sequences[-1]
            yield [int(hashed) for hashed, _ in rows], sequences

    def keys_at(self, lane: int, sequences: Sequence[int]) -> dict[int, bytes]:
        """The keys of these rows, by sequence."""
        found: dict[int, bytes] = {}
        for start in range(0, len(sequences), _KEYS_A_QUERY):
            marks = ", ".join(map(str, sequences[start : start + _KEYS_A_QUERY]))
            with self._database.transaction() as session:
                found.update(
                    session.rows(
                        f"SELECT sequence, entity_key FROM {self._table} "
                        f"WHERE lane = {lane} AND sequence IN ({marks}) AND entity_key IS NOT NULL"
                    )
                )
        return found
