"""The audit: lap after lap over every lane, one bounded look at a time, lanes in turn."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

from db import audit
from db.audit import AuditedLane, Look
from db.audit_places import locate, remainders_of
from db.engine import Database
from db.errno import LOOK_TIMEOUT
from db.failure import SqlError
from db.ledger_proof import source_ledgers, stream_proofs
from migration_core.audit import LaneRemainder
from migration_core.gate import Gate
from migration_core.proof import ledger_gate
from migration_core.steps import Reached, nothing

MOST_ROWS, FEWEST_ROWS = 20_000, 500
"""Of one look: about 0.1 s where rows are small."""
LOOK_SECONDS = 1.0
"""A look that took longer is followed by one half as long."""
QUIET_SECONDS = 60.0
"""A lane in which nothing has changed is compared again after this time."""

_Lane = tuple[int, int]


def rows_after(rows: int, seconds: float) -> int:
    """How many rows the next look takes, after one of `rows` rows that took `seconds`. Pure."""
    return max(rows // 2, FEWEST_ROWS) if seconds > LOOK_SECONDS else min(rows * 2, MOST_ROWS)


@dataclass(slots=True)
class Auditor:
    """Moves the audit of all streams; several at once only do the same work twice."""

    database: Database
    reached: Reached = nothing
    lap: timedelta | None = None
    """How old the proof of a lane's older rows may become; None walks each row once."""
    beat: Callable[[], None] = lambda: None
    told: Callable[[Look], None] = lambda _look: None
    """Hears once of each look that found what does not agree."""
    rest: float = 0.0
    """How long to leave the server alone behind each look, as a share of the time that it took."""
    clock: Callable[[], float] = time.monotonic
    _rows: int = MOST_ROWS
    _compared: dict[_Lane, tuple[tuple[int, ...], float]] = field(default_factory=dict)
    _located: dict[_Lane, tuple[Look, list[LaneRemainder]]] = field(default_factory=dict)

    def round(self, stop: Event) -> int:
        """One look at every lane that is not quiet; how many lanes are behind their watermark afterwards."""
        audit.begin(self.database)
        lanes = audit.audited_lanes(self.database, lap_seconds=self.lap.total_seconds() if self.lap else 0)
        behind = 0
        for lane in lanes:
            if stop.is_set():
                return behind
            if self._is_quiet(lane):
                continue
            self.beat()
            began = self.clock()
            behind += not self.look(lane)
            stop.wait((self.clock() - began) * self.rest)
        old = [lane for lane in lanes if lane.lap_is_old] if self.lap else []
        if old and not behind:
            # One lane at a time, so that nearly all of the stream stays proven up to its watermarks.
            audit.begin_lap(self.database, old[:1])
        return behind

    def look(self, lane: AuditedLane) -> bool:
        """One stretch of one lane; whether the audit has reached its watermark."""
        began = self.clock()
        try:
            found = audit.look(self.database, lane, rows=self._rows, reached=self.reached)
        except SqlError as error:
            if error.errno != LOOK_TIMEOUT or self._rows <= FEWEST_ROWS:
                raise
            self._rows = rows_after(self._rows, audit.SECONDS)
            return False
        self._rows = rows_after(self._rows, self.clock() - began)
        if not audit.write(self.database, found, self._remainders(found), self.reached):
            return False
        if found.full:
            self._compared[lane.stream_id, lane.lane] = lane.counts, self.clock()
        return found.full

    def _remainders(self, found: Look) -> list[LaneRemainder]:
        """What to store; the search for single rows is long, and done once for what it was found for."""
        place = (found.lane.stream_id, found.lane.lane)
        known = self._located.get(place)
        if known is None or known[0].differences != found.differences:
            known = found, locate(self.database, found, beat=self.beat) if found.differences else []
            if found.differences:
                self.told(found)
        if found.full:
            self._located[place] = known
        if found.orphans or found.falls:
            self.told(found)
        return remainders_of(self.database, found, known[1])

    def _is_quiet(self, lane: AuditedLane) -> bool:
        counts, at = self._compared.get((lane.stream_id, lane.lane), ((), 0.0))
        return counts == lane.counts and self.clock() - at < QUIET_SECONDS


def prove(auditor: Auditor, stop: Event, told: Callable[[int], None]) -> None:
    """A whole lap over every lane, up to the watermarks; `told` hears after each round how many lanes are behind."""
    audit.begin(auditor.database)
    audit.begin_lap(auditor.database, audit.audited_lanes(auditor.database))
    catch_up(auditor, stop, told)


def proven_ledger(database: Database, stop: Event) -> Gate:
    """What the ledger's gate says once the audit has come up to the watermarks."""
    catch_up(Auditor(database), stop)
    return ledger_gate(stream_proofs(database), source_ledgers(database))


def catch_up(auditor: Auditor, stop: Event, told: Callable[[int], None] = lambda _behind: None) -> None:
    """Go on with the lap under way, up to the watermarks; what is proven already is not walked again."""
    while not stop.is_set():
        behind = auditor.round(stop)
        told(behind)
        if not behind:
            return
