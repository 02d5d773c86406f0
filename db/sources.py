"""Where raw rows came from, by source id: the names that columns map, and the snapshot's own window."""

from dataclasses import dataclass, field

from db.engine import Session
from migration_core.errors import Halted
from migration_core.records import RawRow


@dataclass(slots=True)
class SourceBook:
    """A cache of rows that never change their meaning; one a process."""

    positions: dict[int, tuple[str, int]] = field(default_factory=dict)
    """{source_id: (topic or file, partition or part)}."""
    _window_ends: dict[int, int] = field(default_factory=dict)

    def learn(self, session: Session, source_ids: set[int]) -> None:
        """Read the sources that are not known yet."""
        unknown = source_ids - self.positions.keys()
        if not unknown:
            return
        marks = ", ".join(map(str, unknown))
        for source_id, topic, partition, end in session.rows(
            f"SELECT source_id, topic, kafka_partition, end_offset FROM source_offset WHERE source_id IN ({marks})"
        ):
            self.positions[source_id] = (topic, partition)
            self._window_ends[source_id] = end
        for source_id, file, part in session.rows(
            f"SELECT source_id, file, part FROM snapshot_part WHERE source_id IN ({marks})"
        ):
            self.positions[source_id] = (file, part)
        missing = unknown - self.positions.keys()
        if missing:
            raise Halted(f"raw rows name sources {sorted(missing)} that the control schema does not know: restore it")

    def in_window(self, row: RawRow) -> bool:
        """Whether a stream row lies between its snapshot's start and end offsets."""
        return row.source_offset < self._window_ends.get(row.source_id, 0)
