"""Folding rejected rows again, one transaction under a lane's lock, which workers respect as they do each other's."""

from collections.abc import Sequence

from db import lanes, parks
from db.apply import BadBatch, Limits, StreamParts, not_as_sent
from db.bulk import Repaired
from db.later_rows import KeyLook, look
from db.redrive_attempts import Attempt
from db.redrive_images import images_again
from db.redrive_lane import LockedRedrive, Stale, Tried, next_rejects
from db.redrive_partial import is_past, partial_again
from migration_core.steps import Step

_KEYS_A_LOOK = 20_000


class _DryRun(Exception):
    """Rolls back a transaction that was only tried."""


class LaneRedrive:
    """Redrives one pattern, lane by lane; one database session at a time."""

    def __init__(self, parts: StreamParts, attempt: Attempt, limits: Limits, *, dry_run: bool) -> None:
        self._parts = parts
        self._attempt = attempt
        self._limits = limits
        self._dry_run = dry_run
        self._until = 0
        self.taken: list[int] = []
        """The sequences of the last transaction, for whoever must find the one that the server refuses."""

    def enter(self, lane: int) -> list[bytes]:
        """Begin with a lane as far as it is applied now; keys whose release a process began and did not end."""
        with self._parts.database.transaction() as session:
            found = session.one(
                "SELECT applied FROM lane_progress WHERE stream_id = %s AND lane = %s",
                (self._parts.registered.stream_id, lane),
            )
            self._until = found[0] if found else 0
            return parks.released_in_part(session, self._parts.registered.stream_id, lane)

    def look(self, lane: int, after: int) -> KeyLook:
        """What the lane holds of the keys that come next, read without its lock."""
        stream, partial = self._parts.registered, self._parts.stream.partial
        with self._parts.database.transaction() as session:
            found = next_rejects(session, self._attempt, stream.stream_id, lane, after, self._until, _KEYS_A_LOOK)
            chosen = [(sequence, key) for sequence, key in found if key is not None]
            keys = {key for _, key in chosen}
            parked = parks.parks_of(session, stream.stream_id, lane, keys) if partial else {}
        if partial:  # a parked key's rows are found by their outcomes
            keys = {key for sequence, key in chosen if is_past(sequence, parked.get(key))}
        return look(self._parts.database, stream, lane, keys, after=-1 if partial else after, every=partial)

    def step(
        self,
        lane: int,
        after: int,
        rows: int,
        known: KeyLook,
        *,
        in_part: Sequence[bytes] = (),
        instead: tuple[int, BadBatch] | None = None,
    ) -> Tried:
        """Fold about `rows` rows behind `after`; raises BadBatch as applying does, and Stale.

        `instead` = (sequence, cause) settles that one row by its cause instead of folding it.
        """
        tried: list[Tried] = []
        try:
            with self._parts.database.transaction() as session:
                locked, settled = lanes.lock_waiting(session, self._parts.registered.stream_id, lane)
                self._parts.reached(Step.REDRIVE_LOCKED)
                locked.expect_mapping(self._parts.stream.hash)
                held = LockedRedrive(session, locked, self._parts, self._attempt, self._limits, self._until, self.taken)
                if self._parts.stream.partial:
                    tried.append(partial_again(held, after, rows, known, in_part, instead))
                elif settled == known.settled:
                    tried.append(images_again(held, after, rows, known, instead))
                else:
                    raise Stale
                held.advance(after, tried[0])
                self._parts.reached(Step.REDRIVE_SETTLED)
                self._undo_dry_run()
        except _DryRun:
            return tried[0]
        except Repaired as repaired:
            raise not_as_sent(repaired) from repaired
        known.settled += tried[0].gains.done > 0  # of what this transaction settled the look knows
        self._parts.reached(Step.REDRIVE_COMMITTED)
        return tried[0]

    def _undo_dry_run(self) -> None:
        if self._dry_run:
            raise _DryRun
