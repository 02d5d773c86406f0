"""What happens to a migration in the hours that are simulated."""

from dataclasses import dataclass

Span = tuple[float, float]
"""From one second to another."""
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Scenario:
    """One story, told by the rows that arrive and by what fails meanwhile."""

    name: str
    title: str
    hours: float
    arriving: tuple[tuple[float, float], ...]
    """From which second on how many rows are stored each second."""
    rises: int
    """How often there is a reason for more tasks; each lets their number turn twice, up and down."""
    lanes: int = 32
    """No more workers than lanes have something to do."""
    held: tuple[Span, ...] = ()
    """While streams are paused; no worker may take their rows."""
    unseen: tuple[Span, ...] = ()
    """While the verifier is away, and nobody counts rows."""
    without_spot: tuple[Span, ...] = ()
    """All Spot tasks are interrupted, and no others are to be had."""

    @property
    def seconds(self) -> float:
        return self.hours * HOUR
