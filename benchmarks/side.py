"""One side of a ratio: how fast, and what it took from the processors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Side:
    """Rates are of the clock; processor seconds are for 100,000 rows, so that busy neighbours hardly change them."""

    per_second: float
    client: float
    """Processor seconds of this program's side."""
    server: float | None
    """Processor seconds of MySQL; None where they cannot be seen."""

    @property
    def processor(self) -> float | None:
        """Both together."""
        return None if self.server is None else self.client + self.server


@dataclass(frozen=True, slots=True)
class Against:
    """The direct way, measured before the pipeline and after it: unless both agree, the machine was not quiet."""

    before: Side
    after: Side

    @property
    def best(self) -> Side:
        """The faster one counts."""
        return max(self.before, self.after, key=lambda side: side.per_second)

    @property
    def quiet(self) -> float:
        """The slower as a share of the faster."""
        return min(self.before.per_second, self.after.per_second) / self.best.per_second
