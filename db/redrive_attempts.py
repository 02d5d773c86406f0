"""Attempts to redrive a pattern: who, with which rules, how far and what came of them."""

from dataclasses import dataclass
from datetime import datetime

from db.engine import Database, Session
from migration_core.errors import Halted


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it goes on: everything before (lane, sequence) has been tried."""

    attempt_id: int
    pattern_id: int
    lane: int
    sequence: int
    rejects_before: int


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """One attempt as people read of it."""

    who: str
    version: str
    rules_hash: str
    started_at: datetime
    finished_at: datetime | None
    """None while it runs, or when it was stopped before the end."""
    rejects_before: int
    rejects_after: int | None
    applied: int
    superseded: int
    filtered: int
    tried: int


@dataclass(slots=True)
class Gains:
    """What redriving moved; every row leaves the rejects or the parks once, so these only grow."""

    tried: int = 0
    """Rejects of the pattern that were folded again."""
    applied: int = 0
    superseded: int = 0
    filtered: int = 0
    released: int = 0
    """Rows that were parked, among the three above."""
    moved: int = 0
    """Rejects that now stand under another pattern, or are parked."""
    rekeyed: int = 0
    """Rejects that would have another key now than they were stored with."""
    left: int = 0
    """Rejects that cannot be folded again by themselves."""

    @property
    def done(self) -> int:
        """Rows that left the rejects and the parks."""
        return self.applied + self.superseded + self.filtered

    def add(self, other: "Gains") -> None:
        """Sum up."""
        for name in ("tried", "applied", "superseded", "filtered", "released", "moved", "rekeyed", "left"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def past_attempts(session: Session, pattern_id: int) -> list[PastAttempt]:
    """All attempts on a pattern, the newest first."""
    rows = session.rows(
        "SELECT who, version, rules_hash, started_at, finished_at, rejects_before, rejects_after, n_applied, "
        "n_superseded, n_filtered, n_tried FROM redrive_attempt WHERE pattern_id = %s ORDER BY attempt_id DESC",
        (pattern_id,),
    )
    return [PastAttempt(*row) for row in rows]


def begin(database: Database, pattern_id: int, *, who: str, version: str, rules_hash: str) -> Attempt:
    """A new attempt, or the one with the same rules that was stopped before its end."""
    with database.transaction() as session:
        found = session.one("SELECT rejects FROM reject_pattern WHERE pattern_id = %s FOR UPDATE", (pattern_id,))
        if found is None:
            raise Halted(f"pattern {pattern_id} vanished: restore the control schema")
        stopped = session.one(
            "SELECT attempt_id, pattern_id, lane, sequence, rejects_before FROM redrive_attempt WHERE pattern_id = %s "
            "AND finished_at IS NULL AND version = %s AND rules_hash = %s ORDER BY attempt_id DESC LIMIT 1",
            (pattern_id, version, rules_hash),
        )
        if stopped is not None:
            return Attempt(*stopped)
        session.execute(
            "INSERT INTO redrive_attempt (pattern_id, who, version, rules_hash, rejects_before) "
            "VALUES (%s, %s, %s, %s, %s)",
            (pattern_id, who[:100], version, rules_hash, found[0]),
        )
        return Attempt(session.inserted_id(), pattern_id, 0, 0, int(found[0]))


def advance(session: Session, attempt_id: int, lane: int, sequence: int, gains: Gains) -> None:
    """Keep how far the attempt is, in the transaction that took it there."""
    session.execute(
        "UPDATE redrive_attempt SET lane = %s, sequence = %s, n_applied = n_applied + %s, "
        "n_superseded = n_superseded + %s, n_filtered = n_filtered + %s, n_tried = n_tried + %s WHERE attempt_id = %s",
        (lane, sequence, gains.applied, gains.superseded, gains.filtered, gains.tried, attempt_id),
    )


def finish(database: Database, attempt: Attempt, *, who: str) -> None:
    """Close an attempt that saw every reject of its pattern; a pattern without any is fixed."""
    with database.transaction() as session:
        found = session.one(
            "SELECT rejects, state FROM reject_pattern WHERE pattern_id = %s FOR UPDATE", (attempt.pattern_id,)
        )
        rejects, state = found or (0, "fixed")
        session.execute(
            "UPDATE redrive_attempt SET finished_at = NOW(6), rejects_after = %s WHERE attempt_id = %s",
            (rejects, attempt.attempt_id),
        )
        if rejects == 0 and state != "fixed":
            session.execute(
                "UPDATE reject_pattern SET state = 'fixed', tripped = FALSE WHERE pattern_id = %s",
                (attempt.pattern_id,),
            )
            session.execute(
                "INSERT INTO reject_decision (pattern_id, state, who, because, rejects) "
                "VALUES (%s, 'fixed', %s, 'redriven', 0)",
                (attempt.pattern_id, who[:100]),
            )
