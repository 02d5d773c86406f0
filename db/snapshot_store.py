"""The loader's transactions: rows with their checkpoint, parts that open, and the stream that opens after them.

Each one locks the snapshot's row first and compares its epoch: a second loader raises that, and the first is out.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from db import raw
from db.bulk import quoted
from db.engine import Database, Session
from db.registry import RegisteredStream
from db.snapshot_registry import StoredPart, StoredSnapshot, stored_part
from migration_core.checkpoint import Checkpoint
from migration_core.errors import Fenced, Halted
from migration_core.sequence import LINE_BITS, last_of, pack, snapshot_number
from migration_core.steps import Reached, Step, nothing

_DISCARDED_AT_ONCE = 20_000
_PAIRS_A_STATEMENT = 1000


@dataclass(slots=True)
class LaneRows:
    """What one chunk brings to one lane."""

    head: int
    rows: int
    time: int | None


@dataclass(frozen=True, slots=True)
class RawChunk:
    """Rows ready to be stored, and where the part then stands."""

    lines: Sequence[bytes]
    """Made by `raw.line`."""
    lanes: Mapping[int, LaneRows]
    end: Checkpoint


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row whose key stood earlier in the snapshot."""

    lane: int
    sequence: int
    first_sequence: int


class SnapshotStore:
    """The store of one loader for one stream."""

    def __init__(
        self, database: Database, stream: RegisteredStream, snapshot: StoredSnapshot, reached: Reached = nothing
    ) -> None:
        self._database = database
        self._stream = stream
        self._snapshot = snapshot
        self._reached = reached

    def read_again(self, part: StoredPart) -> StoredPart:
        """After any error: where the part stands, by a locking read, since a COMMIT's answer may have been lost."""
        with self.fenced() as session:
            return self._locked(session, part)

    def write_chunk(self, part: StoredPart, chunk: RawChunk) -> StoredPart:
        """Store rows and checkpoint together, from exactly where `part` stood."""
        with self.fenced() as session:
            moved = session.execute(
                "UPDATE snapshot_part SET lines_loaded = %s, byte_offset = %s, loaded_sha256 = %s, state = 'loading' "
                "WHERE source_id = %s AND lines_loaded = %s AND byte_offset = %s",
                (
                    chunk.end.lines,
                    chunk.end.bytes,
                    chunk.end.sha256,
                    part.source_id,
                    part.loaded.lines,
                    part.loaded.bytes,
                ),
            )
            if moved != 1:
                raise Fenced(f"{part.file} is no longer at line {part.loaded.lines}: another loader")
            raw.insert(session, self._stream.name, chunk.lines)
            self._move_heads(session, chunk.lanes)
            self._reached(Step.LOADER_CHUNK_WRITTEN)
        self._reached(Step.LOADER_CHUNK_COMMITTED)
        return StoredPart(part.source_id, part.part, part.file, part.rows, "loading", chunk.end)

    def verified(self, part: StoredPart) -> None:
        """All lines are stored and the file is what the manifest says."""
        with self.fenced() as session:
            now = self._locked(session, part)
            if now.loaded.lines != part.rows:
                raise Halted(f"{part.file}: {now.loaded.lines} of {part.rows} lines are stored, yet it was all read")
            session.execute("UPDATE snapshot_part SET state = 'verified' WHERE source_id = %s", (part.source_id,))
        self._reached(Step.LOADER_PART_VERIFIED)

    def write_duplicates(self, found: Sequence[Duplicate]) -> None:
        """Name rows whose key stood earlier; a repetition finds the same, since raw rows never change."""
        for start in range(0, len(found), _PAIRS_A_STATEMENT):
            group = found[start : start + _PAIRS_A_STATEMENT]
            values = ", ".join(
                f"({self._stream.stream_id}, {one.lane}, {one.sequence}, {one.first_sequence})" for one in group
            )
            with self.fenced() as session:
                session.execute(
                    f"INSERT INTO snapshot_duplicate (stream_id, lane, sequence, first_sequence) VALUES {values} "
                    "AS new ON DUPLICATE KEY UPDATE first_sequence = new.first_sequence"
                )

    def open_part(self, part: StoredPart) -> int:
        """Let workers in: the barrier of every lane moves behind the part; the sequence up to which it is open."""
        _, last = self._span(part)
        with self.fenced() as session:
            self._open_to(session, last)
            session.execute("UPDATE snapshot_part SET state = 'open' WHERE source_id = %s", (part.source_id,))
        self._reached(Step.LOADER_PART_OPENED)
        return last

    def open_stream(self) -> None:
        """After the last part: the stream's own rows may be applied."""
        generation = self._snapshot.generation
        with self.fenced() as session:
            closed = session.one(
                "SELECT COUNT(*) FROM snapshot_part WHERE snapshot_id = %s AND state <> 'open'",
                (self._snapshot.snapshot_id,),
            )
            if closed != (0,):
                raise Halted("the stream cannot open before every part of its snapshot is open")
            self._open_to(session, last_of(generation + 1))
            session.execute(
                "UPDATE reload SET state = 'done', ended_at = NOW(6) WHERE stream_id = %s AND generation = %s",
                (self._stream.stream_id, generation),
            )
            session.execute(
                "UPDATE stream_generation SET opened_at = NOW(6) WHERE stream_id = %s AND generation IN (%s, %s)",
                (self._stream.stream_id, generation, generation + 1),
            )
            session.execute(
                "UPDATE snapshot SET state = 'complete', completed_at = NOW(6) WHERE snapshot_id = %s",
                (self._snapshot.snapshot_id,),
            )
        self._reached(Step.LOADER_STREAM_OPENED)

    def discard(self, part: StoredPart) -> StoredPart:
        """Take back the rows of a part that no worker may see, some at a time; where the part then stands.

        The checkpoint that is left has no digest, so that no reader can go on from it: it only says what is left.
        """
        lines = max(0, part.loaded.lines - _DISCARDED_AT_ONCE)
        with self.fenced() as session:
            now = self._locked(session, part)
            if now.loaded.lines != part.loaded.lines or now.state in ("verified", "open"):
                raise Fenced(f"{part.file} is no longer at line {part.loaded.lines}: another loader")
            first = pack(self._snapshot.generation, snapshot_number(part.part, lines + 1))
            for lane in range(self._stream.lanes):
                self._discard_lane(session, lane, first, self._span(part)[1])
            session.execute(
                "UPDATE snapshot_part SET lines_loaded = %s, byte_offset = 0, loaded_sha256 = '' WHERE source_id = %s",
                (lines, part.source_id),
            )
            return self._locked(session, part)

    @contextmanager
    def fenced(self) -> Iterator[Session]:
        """A transaction of the one loader that may write this snapshot."""
        with self._database.transaction() as session:
            found = session.one(
                "SELECT epoch FROM snapshot WHERE snapshot_id = %s FOR UPDATE", (self._snapshot.snapshot_id,)
            )
            if found != (self._snapshot.epoch,):
                raise Fenced(f"another loader has taken over the snapshot of stream {self._stream.name!r}")
            yield session

    def _locked(self, session: Session, part: StoredPart) -> StoredPart:
        found = session.one(
            "SELECT source_id, part, file, `rows`, state, lines_loaded, byte_offset, loaded_sha256 "
            "FROM snapshot_part WHERE source_id = %s FOR UPDATE",
            (part.source_id,),
        )
        if found is None:
            raise Halted(f"{part.file} is no longer registered: restore the control schema")
        return stored_part(found)

    def _move_heads(self, session: Session, lanes: Mapping[int, LaneRows]) -> None:
        if not lanes:
            return
        values = ", ".join(
            f"ROW({lane}, {rows.head}, {rows.rows}, {'NULL' if rows.time is None else rows.time})"
            for lane, rows in sorted(lanes.items())
        )
        # Rows of the stream may be stored already, and those are further on.
        moved = session.execute(
            f"UPDATE lane_head h JOIN (VALUES {values}) AS v (lane, head, row_count, head_time) ON h.lane = v.lane "
            "SET h.head_time = IF(h.head < v.head, COALESCE(v.head_time, h.head_time), h.head_time), "
            "h.head = GREATEST(h.head, v.head), h.`rows` = h.`rows` + v.row_count WHERE h.stream_id = %s",
            (self._stream.stream_id,),
        )
        if moved != len(lanes):
            raise Halted(f"{len(lanes) - moved} lanes have no head row: restore the control schema")

    def _open_to(self, session: Session, sequence: int) -> None:
        session.execute(
            "UPDATE lane_progress SET open_to = %s WHERE stream_id = %s AND open_to < %s",
            (sequence, self._stream.stream_id, sequence),
        )

    def _discard_lane(self, session: Session, lane: int, first: int, last: int) -> None:
        table = quoted(raw.table_of(self._stream.name))
        session.execute(
            "SELECT head FROM lane_head WHERE stream_id = %s AND lane = %s FOR UPDATE", (self._stream.stream_id, lane)
        )
        rows = session.execute(
            f"DELETE FROM {table} WHERE lane = %s AND sequence BETWEEN %s AND %s", (lane, first, last)
        )
        # A head beyond the last row would be work that nobody can ever finish.
        newest = session.one(f"SELECT COALESCE(MAX(sequence), 0) FROM {table} WHERE lane = %s", (lane,))
        session.execute(
            "UPDATE lane_head SET `rows` = `rows` - %s, head = %s WHERE stream_id = %s AND lane = %s",
            (rows, newest[0] if newest else 0, self._stream.stream_id, lane),
        )

    def _span(self, part: StoredPart) -> tuple[int, int]:
        """The first and the last sequence that a row of the part can have."""
        generation = self._snapshot.generation
        return (
            pack(generation, snapshot_number(part.part, 0)),
            pack(generation, snapshot_number(part.part, (1 << LINE_BITS) - 1)),
        )
