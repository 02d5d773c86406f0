"""Looks many times a second at how much is written, how much is applied, and which lanes stand still."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from types import TracebackType
from typing import NamedTuple, Self

from db.engine import Database
from migration_core.errors import Transient
from tests.integration.live_writer import LiveWriter
from tests.integration.migrating import Migrating

_LOOK_SECONDS = 0.05
_WINDOW_SECONDS = 0.5
_STEADY_SECONDS = 2.0
_FEWEST_LOOKS = 5
_NEARLY = 0.9
_KEPT = 4000


class Beat(NamedTuple):
    """One look."""

    when: float
    waiting: int
    """Records that are written and not applied."""
    done: int
    stood_still: float
    """How long the lane that waits longest has had work and the same watermark."""


@dataclass
class Pulse:
    """A thread beside a run; looks that find no server are left out."""

    world: Migrating
    writer: LiveWriter
    per_second: float
    """How much is written. What is written in a second may wait at any time."""
    beats: list[Beat] = field(default_factory=list)
    _over: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def last(self) -> Beat:
        return self.beats[-1] if self.beats else Beat(0, 0, 0, 0)

    def steady(self) -> bool:
        """Whether little has waited for a while."""
        now = time.monotonic()
        recent = [beat for beat in list(self.beats) if beat.when > now - _STEADY_SECONDS]
        return len(recent) > _STEADY_SECONDS / _LOOK_SECONDS / 2 and all(
            beat.waiting <= self.per_second for beat in recent
        )

    def full_rate_since(self, end: float) -> float | None:
        """Seconds from `end` to the end of the first window in which as many were applied as are written."""
        return full_rate([beat for beat in list(self.beats) if beat.when >= end], end, self.per_second)

    def caught_up_since(self, end: float, before: int) -> float | None:
        """Seconds from `end` until no more waited than before, give or take what is under way at any time."""
        found = next(
            (beat.when for beat in list(self.beats) if beat.when >= end and beat.waiting <= before + self.per_second),
            None,
        )
        return None if found is None else found - end

    def stood_still_since(self, end: float) -> float:
        """The longest that a lane stood still, of those that did after `end`."""
        return max((beat.stood_still for beat in list(self.beats) if beat.when >= end), default=0.0)

    def _run(self) -> None:
        database = Database(self.world.url, pool_size=1)
        stands: dict[tuple[int, int], tuple[int, float]] = {}
        while not self._over.wait(_LOOK_SECONDS):
            with suppress(Transient):
                self._look(database, stands)
        database.close()

    def _look(self, database: Database, stands: dict[tuple[int, int], tuple[int, float]]) -> None:
        with database.transaction() as session:
            rows = session.rows(
                "SELECT stream_id, lane, applied, LEAST(head, open_to) > applied, "
                "n_applied + n_superseded + n_filtered + n_parked + n_rejected "
                "FROM lane_head JOIN lane_progress USING (stream_id, lane)"
            )
        now = time.monotonic()
        for stream, lane, applied, has_work, _ in rows:
            if not has_work:
                stands.pop((stream, lane), None)
            elif stands.get((stream, lane), (None,))[0] != applied:
                stands[stream, lane] = (applied, now)
        done = sum(int(row[4]) for row in rows)
        waiting = self.world.written + self.writer.written - done
        self.beats.append(Beat(now, waiting, done, max((now - since for _, since in stands.values()), default=0.0)))
        del self.beats[:-_KEPT]


def full_rate(beats: Sequence[Beat], end: float, per_second: float) -> float | None:
    """Seconds from `end` to the end of the first window in which that many were applied, if there is one. Pure."""
    first = 0
    for beat in beats:
        while beat.when - beats[first + 1 if beat is not beats[first] else first].when >= _WINDOW_SECONDS:
            first += 1
        seconds = beat.when - beats[first].when
        if seconds >= _WINDOW_SECONDS and beat.done - beats[first].done >= _NEARLY * per_second * seconds:
            return beat.when - end
    return None
