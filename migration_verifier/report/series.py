"""Measurements as lines over time: rate, lag and rejects of all streams together. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import pairwise

from db.measurements import Measurement
from migration_core.report import Series

Points = list[tuple[float, float]]


def series(found: Sequence[Measurement]) -> Iterator[Series]:
    """Three lines; none without two measurements."""
    done = _sums(found, "done")
    if len(done) < 2:  # noqa: PLR2004 - a line has two ends
        return
    rate = [(later, max(0.0, (after - before) / (later - at))) for (at, before), (later, after) in pairwise(done)]
    yield Series("rate", "Records applied", "a second", tuple(rate))
    yield Series("lag", "Age of the oldest record that waits", "seconds", tuple(_lag(found)))
    yield Series("rejects", "Records that could not be applied", "in all", tuple(_sums(found, "rejected")))


def _sums(found: Sequence[Measurement], name: str) -> Points:
    moments: dict[float, float] = {}
    for one in found:
        at = one.measured_at.replace(tzinfo=UTC).timestamp()
        moments[at] = moments.get(at, 0.0) + getattr(one, name)
    return sorted(moments.items())


def _lag(found: Sequence[Measurement]) -> Points:
    moments: dict[float, float] = {}
    for one in found:
        if one.lag_ms is not None:
            at = one.measured_at.replace(tzinfo=UTC).timestamp()
            moments[at] = max(moments.get(at, 0.0), one.lag_ms / 1000)
    return sorted(moments.items())
