"""Looking at the counters until they say what is waited for."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from db.engine import Database
from migration_core.errors import MigrationError

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Look:
    """The one stream at one moment of the monotonic clock."""

    moment: float
    received: int
    done: int
    """Rows that have an outcome."""
    bad: int
    """Of these, parked or rejected."""
    open_lanes: int
    """Lanes that are past the snapshot's barrier."""


def look(database: Database) -> Look:
    """Cheaper than the ledger, since it is asked for ten times a second."""
    with database.transaction() as session:
        found = session.one(
            "SELECT SUM(h.`rows`), SUM(p.n_applied + p.n_superseded + p.n_filtered + p.n_parked + p.n_rejected), "
            "SUM(p.n_parked + p.n_rejected), SUM(p.open_to >> 51 > 1) "
            "FROM lane_head h JOIN lane_progress p USING (stream_id, lane)"
        )
    received, done, bad, open_lanes = (int(value or 0) for value in found or (0, 0, 0, 0))
    return Look(time.monotonic(), received, done, bad, open_lanes)


def until(database: Database, alive: Callable[[], None], reached: Callable[[Look], bool]) -> Look:
    """The first look at which `reached` holds; `alive` raises when a program has died."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = look(database)
        if reached(found):
            return found
        if found.moment > end:
            raise MigrationError(f"not there after {_PATIENCE_SECONDS:.0f} s: {found}")
        alive()
        time.sleep(_LOOK_SECONDS)
