"""Keys of a snapshot's raw rows: their hashes after a restart, and the bytes behind hashes that stand twice."""

from array import array
from collections.abc import Iterable, Sequence

from db import raw
from db.bulk import quoted
from db.engine import Database
from db.registry import RegisteredStream
from migration_core.sequence import pack, snapshot_number

_KEYS_A_QUERY = 1000
_LINES_A_QUERY = 500_000

Place = tuple[int, int]
"""(part, line)."""


class SnapshotKeys:
    """Reads committed rows of one snapshot, without a lock: nobody changes them."""

    def __init__(self, database: Database, stream: RegisteredStream, generation: int) -> None:
        self._database = database
        self._stream = stream
        self._generation = generation
        self._table = quoted(raw.table_of(stream.name))

    def hashes(self, part: int, lines: int) -> "array[int]":
        """Of the first `lines` lines of a part, in order; 0 where there is no key."""
        found = array("Q", bytes(8 * lines))
        first = self.sequence((part, 1))
        for start in range(0, lines, _LINES_A_QUERY):
            end = min(start + _LINES_A_QUERY, lines)
            for lane in range(self._stream.lanes):
                with self._database.transaction() as session:
                    for sequence, hashed in session.connection.text_rows(
                        f"SELECT sequence, key_hash FROM {self._table} WHERE lane = {lane} "
                        f"AND sequence >= {first + start} AND sequence < {first + end}"
                    ):
                        found[int(sequence) - first] = int(hashed)
        return found

    def keys_at(self, places: Iterable[tuple[int, Place]]) -> dict[Place, bytes]:
        """The keys at (lane, place)."""
        wanted = [(lane, self.sequence(place), place) for lane, place in places]
        found: dict[Place, bytes] = {}
        for start in range(0, len(wanted), _KEYS_A_QUERY):
            group = wanted[start : start + _KEYS_A_QUERY]
            by_sequence = {sequence: place for _, sequence, place in group}
            with self._database.transaction() as session:
                for sequence, key in session.rows(self._query(group)):
                    found[by_sequence[sequence]] = key
        return found

    def sequence(self, place: Place) -> int:
        """Of the row at a place."""
        return pack(self._generation, snapshot_number(*place))

    def _query(self, group: Sequence[tuple[int, int, Place]]) -> str:
        pairs = ", ".join(f"({lane}, {sequence})" for lane, sequence, _ in group)
        return f"SELECT sequence, entity_key FROM {self._table} WHERE (lane, sequence) IN ({pairs})"
