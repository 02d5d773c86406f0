"""When lines that do not follow their container are no longer single accidents, but the wrong file. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from migration_core.errors import SnapshotError

TOLERATED = 100
"""So many malformed lines of a part are rejected one by one, whatever their share."""
SHARE = 0.01


@dataclass(slots=True)
class MalformedLines:
    """Counts what one reading of a part meets."""

    file: str
    container: str
    lines: int = 0
    malformed: int = 0
    first: int = 0
    """The number of the first malformed line, from 1."""

    def add(self, lines: int, malformed: Sequence[int]) -> None:
        """Take in a chunk; SnapshotError as soon as more than both limits do not follow the container."""
        self.lines += lines
        self.malformed += len(malformed)
        if malformed and not self.first:
            self.first = malformed[0]
        if self.malformed > TOLERATED and self.malformed > self.lines * SHARE:
            raise SnapshotError(
                f"{self.file}: line {self.first}: SNAP_PARSE: from here on {self.malformed} of {self.lines} lines are "
                f"no {self.container} lines; name the container that the export has in the manifest, or export the "
                "part again: nothing of it is visible yet"
            )
