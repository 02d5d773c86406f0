"""Waiting until nothing is left to do, and how far behind the copy was on the way."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from db.engine import Database
from db.ledger import StreamLedger, ledger
from db.source_positions import positions
from migration_core.errors import MigrationError

_LOOK_SECONDS = 0.25


class NotDrained(MigrationError):
    """The patience of a replay is over; the message says what was left."""


@dataclass(slots=True)
class Lag:
    """How old the oldest row that waited was, looked at regularly; seconds per stream."""

    began_ms: float = 0.0
    """Rows that are older than the replay belong to the snapshot."""
    samples: dict[str, list[float]] = field(default_factory=dict)

    def look(self, streams: Sequence[StreamLedger], now_ms: float) -> None:
        """Take one sample of every stream that is past its snapshot: what a snapshot holds is of any age."""
        for one in streams:
            oldest = now_ms if one.oldest_time is None else one.oldest_time
            if one.stream_open and oldest >= self.began_ms:
                self.samples.setdefault(one.stream, []).append(max(0.0, now_ms - oldest) / 1000)

    def quantile(self, stream: str, share: float) -> float:
        """The lag that `share` of the samples stayed within."""
        samples = sorted(self.samples.get(stream, [0.0]))
        return samples[min(len(samples) - 1, int(share * len(samples)))]


def watch_lag(database: Database, lag: Lag, over: Event) -> None:
    """Sample until `over`; for a thread beside the work."""
    while not over.wait(_LOOK_SECONDS):
        lag.look(ledger(database), time.time() * 1000)


def drained(
    streams: Sequence[StreamLedger], ends: Mapping[tuple[str, int], int], stored: Mapping[tuple[str, int], int]
) -> bool:
    """Whether all that the topics hold is stored, and all that is stored has an outcome. Pure."""
    if any(stored.get(partition, -1) < end for partition, end in ends.items()):
        return False
    return all(one.stream_open and one.pending == 0 and one.lanes_with_work == 0 for one in streams)


def wait_until_drained(
    database: Database,
    ends: Mapping[tuple[str, int], int],
    *,
    alive: Callable[[], None],
    told: Callable[[str], None],
    lag: Lag,
    patience: float,
) -> list[StreamLedger]:
    """Look until `drained`; `alive` raises when a program has died."""
    until = time.monotonic() + patience
    while True:
        alive()
        streams = ledger(database)
        lag.look(streams, time.time() * 1000)
        stored = positions(database)
        if drained(streams, ends, stored) and not any(one.parked for one in streams):
            return streams
        waiting = sum(max(0, end - stored.get(partition, 0)) for partition, end in ends.items())
        told(f"{sum(one.pending for one in streams):,} rows pending, {waiting:,} records not yet stored")
        if time.monotonic() > until:
            raise NotDrained(
                f"not drained after {patience:.0f} s: "
                + "; ".join(f"{one.stream} {one.state} {one.pending} pending, {one.parked} parked" for one in streams)
            )
        time.sleep(_LOOK_SECONDS)
