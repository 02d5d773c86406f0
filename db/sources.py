"""Where raw rows came from, by source id: the names that columns map, and the snapshot's own window."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from db.engine import Session
from migration_core.errors import Halted
from migration_core.records import RawRow
from migration_core.sequence import NUMBER_BITS


def held_by_reload(stream_id: int, row: str) -> str:
    """As a condition in SQL on `row`, the alias of a raw table: what `SourceBook.held_by_reload` says of it."""
    return (
        f"({row}.entity_key IS NOT NULL AND EXISTS (SELECT 1 FROM reload d JOIN reload_offset f USING (reload_id) "
        f"WHERE d.stream_id = {stream_id} AND d.generation + 1 = {row}.sequence >> {NUMBER_BITS} "
        f"AND f.source_id = {row}.source_id AND {row}.source_offset < f.start_offset))"
    )


@dataclass(slots=True)
class SourceBook:
    """A cache of rows that never change their meaning; one a process."""

    positions: dict[int, tuple[str, int]] = field(default_factory=dict)
    """{source_id: (topic or file, partition or part)}."""
    _window_ends: dict[int, int] = field(default_factory=dict)
    _starts: dict[tuple[int, int], int] = field(default_factory=dict)
    """{(source_id, generation): offset below which the snapshot before that generation holds everything}."""
    _documents: set[int] = field(default_factory=set)
    """Parts of reloads."""
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def learn(self, session: Session, rows: Iterable[RawRow]) -> None:
        """Read what is not known yet of where these rows came from."""
        places = {(row.source_id, row.sequence >> NUMBER_BITS) for row in rows} - self._seen
        if not places:
            return
        self._learn_sources(session, {source_id for source_id, _ in places} - self.positions.keys())
        marks = ", ".join(f"({source_id}, {generation})" for source_id, generation in places)
        for source_id, generation, start in session.rows(
            "SELECT source_id, generation + 1, start_offset FROM reload JOIN reload_offset USING (reload_id) "
            f"WHERE (source_id, generation + 1) IN ({marks}) AND start_offset IS NOT NULL"
        ):
            self._starts[source_id, generation] = start
        self._seen |= places

    def in_window(self, row: RawRow) -> bool:
        """Whether a stream row lies between the start and end offsets of the stream's first snapshot."""
        if (row.source_id, row.sequence >> NUMBER_BITS) in self._starts:
            return False  # a reload of partial changes has no window
        return row.source_offset < self._window_ends.get(row.source_id, 0)

    def is_document(self, row: RawRow) -> bool:
        """Whether a row is of a reload's snapshot: a whole document, also where records are partial changes."""
        return row.source_id in self._documents

    def held_by_reload(self, row: RawRow) -> bool:
        """Whether a stream row lies behind the cut of a reload and below the offsets of its snapshot.

        A row without a key names no entity that the snapshot could hold, so it is rejected like any other.
        """
        start = self._starts.get((row.source_id, row.sequence >> NUMBER_BITS), 0)
        return row.source_offset < start and row.entity_key is not None

    def _learn_sources(self, session: Session, unknown: set[int]) -> None:
        if not unknown:
            return
        marks = ", ".join(map(str, unknown))
        for source_id, topic, partition, end in session.rows(
            f"SELECT source_id, topic, kafka_partition, end_offset FROM source_offset WHERE source_id IN ({marks})"
        ):
            self.positions[source_id] = (topic, partition)
            self._window_ends[source_id] = end
        for source_id, file, part, reload_id in session.rows(
            "SELECT p.source_id, p.file, p.part, r.reload_id FROM snapshot_part p JOIN snapshot n USING (snapshot_id) "
            "LEFT JOIN reload r ON r.stream_id = n.stream_id AND r.generation = n.generation "
            f"WHERE p.source_id IN ({marks})"
        ):
            self.positions[source_id] = (file, part)
            if reload_id is not None:
                self._documents.add(source_id)
        missing = unknown - self.positions.keys()
        if missing:
            raise Halted(f"raw rows name sources {sorted(missing)} that the control schema does not know: restore it")
