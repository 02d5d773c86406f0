"""Purging a stream: lane by lane, in short transactions; killed anywhere, the same command goes on."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from threading import Event

from db import purge
from db.engine import Database
from db.purge import PurgedLane
from migration_core.errors import Transient
from migration_core.steps import Reached, nothing

_TRIES, _WAIT_SECONDS = 100, 0.1
"""A worker holds a lane for 2 s at most."""


def may_go(database: Database, stream: str, before: datetime, *, everything: bool) -> int:
    """How many rows `purge_stream` would remove now."""
    lanes = purge.purged_lanes(database, stream)
    return sum(len(found) for lane in lanes for found in _candidates(database, lane, before, everything=everything))


def purge_stream(
    database: Database,
    stream: str,
    before: datetime,
    *,
    everything: bool,
    reached: Reached = nothing,
    told: Callable[[int, int], None] = lambda _lane, _rows: None,
) -> int:
    """Remove what may go; how many rows that were. `told` hears of each lane when it is done."""
    total = 0
    for lane in purge.purged_lanes(database, stream):
        rows = 0
        for sequences in _batches(_candidates(database, lane, before, everything=everything)):
            _remove(database, lane, sequences, everything=everything, reached=reached)
            rows += len(sequences)
        told(lane.lane, rows)
        total += rows
    return total


def _candidates(database: Database, lane: PurgedLane, before: datetime, *, everything: bool) -> Iterator[list[int]]:
    return purge.old(database, lane, before) if everything else purge.outdated(database, lane, before)


def _batches(found: Iterable[list[int]]) -> Iterator[list[int]]:
    for sequences in found:
        for start in range(0, len(sequences), purge.AT_ONCE):
            yield sequences[start : start + purge.AT_ONCE]


def _remove(database: Database, lane: PurgedLane, sequences: list[int], *, everything: bool, reached: Reached) -> None:
    held = Event()
    for _ in range(_TRIES):
        if purge.remove(database, lane, sequences, outcomes=everything, reached=reached):
            return
        held.wait(_WAIT_SECONDS)
    raise Transient(f"lane {lane.lane} of {lane.stream} is held by a worker, or halted: run the same command again")
