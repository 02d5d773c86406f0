"""The sweep of a reload: keys known before that its snapshot no longer has become synthetic deletes, lane by lane."""

from dataclasses import dataclass

from db import raw
from db.bulk import quoted
from db.engine import Session
from db.registry import RegisteredStream
from db.snapshot_registry import StoredPart, StoredSnapshot
from db.snapshot_store import SnapshotStore
from migration_core.errors import Halted
from migration_core.records import Flag
from migration_core.sequence import first_of, last_of, pack, snapshot_number
from migration_core.steps import Reached, Step, nothing


@dataclass(frozen=True, slots=True)
class Sweep:
    """Runs when every file of the snapshot is stored, and before the stream opens behind it.

    A key that was swept has a row of the new generation, so a lane that is looked at again gives only what is left.
    """

    store: SnapshotStore
    stream: RegisteredStream
    snapshot: StoredSnapshot
    part: StoredPart
    keys_at_once: int
    reached: Reached = nothing

    def lane(self, lane: int) -> int:
        """Write the deletes of some keys of a lane; how many: 0 when none is left."""
        with self.store.fenced() as session:
            done = self._lines(session)
            swept = session.execute(self._insert(lane, done))
            if swept:
                last = pack(self.snapshot.generation, snapshot_number(self.part.part, done + swept))
                self._count(session, lane, swept, last, done + swept)
        if swept:
            self.reached(Step.RELOAD_KEYS_SWEPT)
        return swept

    def close(self) -> int:
        """All lanes are swept: the part is as long as it became, and may open; its rows."""
        with self.store.fenced() as session:
            session.execute(
                "UPDATE snapshot_part SET `rows` = lines_loaded, state = 'verified' WHERE source_id = %s",
                (self.part.source_id,),
            )
            return self._lines(session)

    def _lines(self, session: Session) -> int:
        found = session.one(
            "SELECT lines_loaded FROM snapshot_part WHERE source_id = %s FOR UPDATE", (self.part.source_id,)
        )
        if found is None:
            raise Halted("the part of swept keys is no longer registered: restore the control schema")
        return int(found[0])

    def _insert(self, lane: int, done: int) -> str:
        """In one pass over the lane: keys without a row of the snapshot; one that was swept before is gone already."""
        table, generation = quoted(raw.table_of(self.stream.name)), self.snapshot.generation
        before = pack(generation, snapshot_number(self.part.part, 0))
        return (
            f"INSERT INTO {table} (lane, sequence, source_id, source_offset, entity_key, key_hash, time_type, flags) "
            f"SELECT {lane}, {before} + line, {self.part.source_id}, line, entity_key, key_hash, 0, "
            f"{Flag.SYNTHETIC_DELETE} FROM (SELECT entity_key, key_hash, "
            f"{done} + ROW_NUMBER() OVER (ORDER BY entity_key) AS line FROM ("
            f"SELECT entity_key, MAX(key_hash) AS key_hash FROM {table} WHERE lane = {lane} "
            f"AND sequence <= {last_of(generation)} AND entity_key IS NOT NULL GROUP BY entity_key "
            f"HAVING MAX(sequence) < {first_of(generation)} "
            f"AND MAX(IF(flags & {Flag.SYNTHETIC_DELETE}, sequence, 0)) < MAX(sequence)) AS known "
            f"ORDER BY entity_key LIMIT {self.keys_at_once}) AS gone"
        )

    def _count(self, session: Session, lane: int, rows: int, last: int, lines: int) -> None:
        session.execute(
            "UPDATE snapshot_part SET lines_loaded = %s, state = 'loading' WHERE source_id = %s",
            (lines, self.part.source_id),
        )
        moved = session.execute(
            "UPDATE lane_head SET head = GREATEST(head, %s), `rows` = `rows` + %s WHERE stream_id = %s AND lane = %s",
            (last, rows, self.stream.stream_id, lane),
        )
        if moved != 1:
            raise Halted(f"lane {lane} of stream {self.stream.name!r} has no head row: restore the control schema")
