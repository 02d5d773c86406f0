"""Measurements as lines over time: rate, lag and rejects of all streams together. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import pairwise

from db.measurements import Moment
from migration_core.report import Series


def series(found: Sequence[Moment]) -> Iterator[Series]:
    """Three lines; none without two measurements."""
    if len(found) < 2:  # noqa: PLR2004 - a line has two ends
        return
    times = [one.measured_at.replace(tzinfo=UTC).timestamp() for one in found]
    rate = [
        (now, max(0.0, (after.done - before.done) / (now - then)))
        for (then, before), (now, after) in pairwise(zip(times, found, strict=True))
    ]
    lag = [(at, one.lag_ms / 1000) for at, one in zip(times, found, strict=True) if one.lag_ms is not None]
    rejected = [(at, float(one.rejected)) for at, one in zip(times, found, strict=True)]
    yield Series("rate", "Records applied", "a second", tuple(rate))
    yield Series("lag", "Age of the oldest record that waits", "seconds", tuple(lag))
    yield Series("rejects", "Records that could not be applied", "in all", tuple(rejected))
