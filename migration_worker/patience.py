"""What to do about a lane whose transaction failed: try again, or halt it. Pure."""

from dataclasses import dataclass, field

UNKNOWN_TRIES = 5
"""How often an error that the errno table does not know is tried before the lane halts."""


@dataclass(slots=True)
class Patience:
    """Counts failures that may pass by themselves, per lane; a success forgets them."""

    _failures: dict[tuple[str, int], int] = field(default_factory=dict)

    def failed(self, stream: str, lane: int) -> bool:
        """Count one more unexplained failure; whether the lane must halt now."""
        count = self._failures.get((stream, lane), 0) + 1
        self._failures[stream, lane] = count
        return count >= UNKNOWN_TRIES

    def worked(self, stream: str, lane: int) -> None:
        """The lane was applied: whatever failed has passed."""
        self._failures.pop((stream, lane), None)
