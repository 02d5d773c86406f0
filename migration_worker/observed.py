"""What the worker tells of itself in metrics."""

import time
from collections.abc import Callable

from db.apply import Applied
from runtime.metrics import Metrics

_STAGE = "apply"


class Observed:
    """The worker's view of the process's metrics."""

    def __init__(self, metrics: Metrics, *, now: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._now = now

    def applied(self, stream: str, done: Applied, seconds: float) -> None:
        """One committed transaction, or the search for a bad row that took its place."""
        rows = sum(done.rows.values())
        if not rows:
            return
        for outcome, count in done.outcomes.items():
            self._metrics.outcomes.labels(stream, outcome.name.lower()).inc(count)
        for stage, count in done.rejects.items():
            self._metrics.rejects.labels(stream, stage).inc(count)
        self._metrics.batch_rows.labels(_STAGE).observe(rows)
        self._metrics.batch_seconds.labels(_STAGE).observe(seconds)
        now = self._now() * 1000
        for moment in done.times:
            self._metrics.latency.labels(stream).observe(max(0.0, now - moment) / 1000)
        if done.locked_elsewhere:
            self._metrics.busy_lanes.labels(stream).inc(len(done.locked_elsewhere))

    def tripped(self, stream: str) -> None:
        """Too many rejects: the stream pauses."""
        self._metrics.breaker_trips.labels(stream).inc()

    def unmapped(self, stream: str, fields: int, new: int) -> None:
        """How many fields no column takes, and how many of them are new on many records."""
        self._metrics.unmapped_fields.labels(stream).set(fields)
        self._metrics.new_fields.labels(stream).set(new)

    def held_back(self, held: bool) -> None:
        """Whether the target has enough to do without this worker."""
        self._metrics.throttled.labels(_STAGE).set(held)

    def swept(self, stream: str) -> None:
        """A lane applied without a doorbell."""
        self._metrics.sweeps.labels(stream).inc()
