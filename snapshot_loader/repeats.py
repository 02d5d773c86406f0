"""Rows whose key stood earlier in the snapshot: found by hash, confirmed by bytes, named before their part opens."""

from collections.abc import Mapping, Sequence
from functools import partial

from db.engine import Database
from db.registry import RegisteredStream
from db.snapshot_keys import SnapshotKeys
from db.snapshot_registry import StoredPart, StoredSnapshot
from db.snapshot_store import Duplicate, SnapshotStore
from migration_core.sequence import pack, snapshot_number
from snapshot_loader.seen_keys import SeenKeys
from snapshot_loader.stopping import Insistence


class Repeats:
    """Knows the keys of all rows of one snapshot so far."""

    def __init__(
        self,
        database: Database,
        stream: RegisteredStream,
        snapshot: StoredSnapshot,
        store: SnapshotStore,
        insistence: Insistence,
    ) -> None:
        self._stream = stream
        self._generation = snapshot.generation
        self._keys = SnapshotKeys(database, stream, snapshot.generation)
        self._store = store
        self._insistence = insistence
        self._surely = insistence.surely
        self._seen = SeenKeys()
        self.restored = False

    def close(self) -> None:
        """Give back what was kept."""
        self._seen.close()

    def restore(self, parts: Sequence[StoredPart]) -> None:
        """Begin with the rows that are stored: those of open parts count as compared."""
        self._seen.close()
        self._seen = self._surely(lambda: self._read(parts), "reading the keys of stored rows")
        self.restored = True

    def add(self, lane: int, hashes: Sequence[int], sequences: Sequence[int]) -> None:
        """Rows that were stored now."""
        self._seen.add(lane, hashes, sequences)

    def worth_looking(self) -> bool:
        """Whether a look at all earlier keys is in proportion to the fresh ones."""
        return self._seen.worth_comparing()

    def look(self) -> None:
        """Find and record what stands twice among the fresh rows, or among these and earlier ones."""
        for lane, places in self._seen.repeated():
            self._insistence.beat()
            found = self._surely(partial(self._confirmed, lane, places), "comparing keys")
            self._surely(partial(self._store.write_duplicates, found), "recording what stands twice")
        self._seen.compared()

    def _confirmed(self, lane: int, places: Mapping[int, Sequence[int]]) -> list[Duplicate]:
        keys = self._keys.keys_at(lane, [sequence for sequences in places.values() for sequence in sequences])
        found = []
        for sequences in places.values():
            firsts: dict[bytes, int] = {}
            for sequence in sequences:
                first = firsts.setdefault(keys[sequence], sequence)
                if first != sequence:
                    found.append(Duplicate(lane, sequence, first))
        return found

    def _read(self, parts: Sequence[StoredPart]) -> SeenKeys:
        seen = SeenKeys()
        opened = max((part.part for part in parts if part.state == "open"), default=0)
        stored = max((part.part for part in parts if part.loaded.lines or part.state == "open"), default=0)
        for after, up_to in ((0, self._end(opened)), (self._end(opened), self._end(stored))):
            lanes = range(self._stream.lanes) if stored else ()
            for lane in lanes:
                for hashes, sequences in self._keys.hashes(lane, after, up_to):
                    seen.add(lane, hashes, sequences)
                    self._insistence.pulse("before the first new row")
            if not after:
                seen.compared()
        return seen

    def _end(self, part: int) -> int:
        """Behind the last row of a part."""
        return pack(self._generation, snapshot_number(part + 1, 0)) - 1
