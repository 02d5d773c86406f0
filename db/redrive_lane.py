"""What one transaction of a redrive does to one locked lane, whatever kind of changes its stream has."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from db import kept_out, redrive_attempts
from db.apply import Limits, StreamParts, write_effects
from db.engine import Session
from db.kept_out import KeptOut
from db.lanes import LaneMove, LockedLane
from db.later_rows import KeyLook, learn
from db.parks import Park
from db.redrive_attempts import Attempt, Gains
from migration_core.folding import Folded
from migration_core.outcome import Outcome
from migration_core.records import RawRow
from migration_core.steps import Step

_OTHER_KEY = frozenset({"KEY_UNREADABLE", "KEY_CHANGED"})
"""What a row is rejected with that would have another key than it was stored with.

It is not moved to that key's lane: raw rows never change, and whoever counts or folds a lane relies on it.
"""


class Stale(Exception):
    """What was read of the lane without its lock does not hold any more, or not for these keys: look again."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one transaction came to; `cursor` is the last reject that it saw, None when the lane has no more."""

    gains: Gains
    cursor: int | None
    in_part: tuple[bytes, ...] = ()
    """Keys of partial changes of which only the first rows were released; the next transaction goes on with them."""


@dataclass(slots=True)
class Take:
    """Rows that one transaction folds."""

    cursor: int | None = None
    rows: list[RawRow] = field(default_factory=list)
    before: dict[int, KeptOut] = field(default_factory=dict)
    parked: dict[bytes, Park] = field(default_factory=dict)
    rest: dict[bytes, int] = field(default_factory=dict)
    """{key: its first row that was not taken}."""
    chosen: int = 0
    size: int = 0
    """Bytes of the rows' values."""

    def add(self, rows: Sequence[RawRow], before: dict[int, KeptOut]) -> None:
        """Take these rows too."""
        self.rows += rows
        self.before |= before
        self.size += sum(len(row.value or b"") for row in rows)


@dataclass(slots=True)
class LockedRedrive:
    """One transaction that holds one lane."""

    session: Session
    locked: LockedLane
    parts: StreamParts
    attempt: Attempt
    limits: Limits
    until: int
    """Rejects behind this one came later than the redrive, by rules that it need not mend."""
    taken: list[int]
    """The sequences of the rows, for whoever must find the one that the server refuses."""

    def next(self, after: int, rows: int) -> list[tuple[int, bytes | None]]:
        """The next rejects of the pattern: (sequence, key)."""
        stream_id = self.parts.registered.stream_id
        return next_rejects(self.session, self.attempt, stream_id, self.locked.lane, after, self.until, rows)

    def kept_out(self, sequences: Collection[int]) -> dict[int, KeptOut]:
        """Those that are parked or rejected now."""
        return kept_out.of_sequences(self.session, self.parts.registered.stream_id, self.locked.lane, sequences)

    def catch_up(self, known: KeyLook, *, every: bool) -> None:
        """Read what was applied since the look, now that the lane stands still."""
        stream, up_to = self.parts.registered, self.locked.applied
        while known.up_to < up_to:
            known.up_to = learn(
                self.session, stream, self.locked.lane, known, after=known.up_to, up_to=up_to, every=every
            )

    def begin(self, take: Take) -> None:
        """Before folding: name the rows, and learn where they came from."""
        self.taken[:] = [row.sequence for row in take.rows]
        self.parts.sources.learn(self.session, take.rows)

    def write(self, folded: Folded) -> None:
        """Make processed tables and merged documents hold what the rows came to."""
        self.parts.reached(Step.REDRIVE_FOLDED)
        write_effects(self.session, self.parts, [(self.locked.lane, folded)], strict=True)
        self.parts.reached(Step.REDRIVE_WRITTEN)

    def record(self, take: Take, folded: Folded, *, parked_keys: int = 0, released: int = 0) -> Gains:
        """Outcomes, counts and the story of each row."""
        stream = self.parts.registered
        move = kept_out.settle(
            self.session,
            stream,
            self.locked,
            take.before,
            folded,
            version=self.parts.version,
            parked_keys=parked_keys,
            released=released,
        )
        attempt_id = self.attempt.attempt_id
        now = kept_out.log(self.session, stream.stream_id, self.locked.lane, attempt_id, take.before)
        gains = _gains(take, now, move, released)
        gains.rekeyed = sum(rejection.reason.code in _OTHER_KEY for rejection in folded.rejections)
        return gains

    def advance(self, after: int, tried: Tried) -> None:
        """Keep how far the attempt is."""
        cursor = after if tried.cursor is None else tried.cursor
        redrive_attempts.advance(self.session, self.attempt.attempt_id, self.locked.lane, cursor, tried.gains)


def next_rejects(
    session: Session, attempt: Attempt, stream_id: int, lane: int, after: int, until: int, rows: int
) -> list[tuple[int, bytes | None]]:
    """The next rejects of an attempt's pattern in a lane: (sequence, key); not those whose raw rows were purged."""
    found = session.rows(
        "SELECT r.sequence, r.entity_key FROM reject r JOIN row_outcome o USING (stream_id, lane, sequence) "
        "WHERE r.pattern_id = %s AND r.stream_id = %s AND r.lane = %s AND r.sequence > %s AND r.sequence <= %s "
        "ORDER BY r.sequence LIMIT %s",
        (attempt.pattern_id, stream_id, lane, after, until, rows),
    )
    return [(sequence, None if key is None else bytes(key)) for sequence, key in found]


def _gains(take: Take, now: dict[int, KeptOut], move: LaneMove, released: int) -> Gains:
    freed = [one for one in take.before.values() if one.sequence not in now]
    moved = [
        one
        for one in take.before.values()
        if one.outcome is Outcome.REJECTED and one.sequence in now and now[one.sequence].pattern_id != one.pattern_id
    ]
    return Gains(
        tried=take.chosen,
        applied=move.applied,
        superseded=move.superseded,
        filtered=move.filtered,
        released=released + sum(one.outcome is Outcome.PARKED for one in freed),
        moved=len(moved),
    )
