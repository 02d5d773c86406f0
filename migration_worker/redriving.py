"""Redriving a pattern through all lanes of its stream, down to the row that the server refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from db.apply import BadBatch, Limits, StreamParts
from db.engine import Database
from db.later_rows import KeyLook
from db.redrive import LaneRedrive
from db.redrive_attempts import Attempt, Gains, begin, finish, past_attempts
from db.redrive_lane import Stale, Tried
from db.reject_decisions import ChosenPattern
from db.schema import check_at_head
from db.target import read_target
from migration_core.errors import ConfigError, Halted
from migration_core.rules_hash import rules_hash
from migration_core.steps import Reached
from migration_worker.opening import open_mapping, open_streams
from runtime.retry import patiently

_LIMITS = Limits()
ROWS = 500
"""Of one transaction: a lane is held about as long as a worker holds it."""


class Redriving:
    """Goes on where the attempt was stopped; call `run` once."""

    def __init__(
        self,
        redrive: LaneRedrive,
        attempt: Attempt,
        *,
        limit: int | None = None,
        dry_run: bool = False,
        told: Callable[[int, Gains], None] = lambda _lane, _gains: None,
    ) -> None:
        self._redrive = redrive
        self._attempt = attempt
        self._limit = limit
        self._dry_run = dry_run
        self._told = told
        self._stop = Event()
        self.gains = Gains()

    def run(self, lanes: int) -> bool:
        """Try the rejects of every lane; whether all of them were seen, rather than as many as the limit allows."""
        return all(
            self._lane(lane, self._attempt.sequence if lane == self._attempt.lane else 0)
            for lane in range(self._attempt.lane, lanes)
        )

    def _lane(self, lane: int, after: int) -> bool:
        begun = self._redrive.enter(lane)
        in_part = () if self._dry_run else tuple(begun)
        known = self._redrive.look(lane, after)
        rows = ROWS
        while True:
            left = ROWS if self._limit is None else self._limit - self.gains.tried
            if left <= 0:
                return False
            try:
                tried = self._step(lane, after, min(rows, left), known, in_part)
            except Stale:
                known = self._redrive.look(lane, after)
                continue
            if tried is None:
                rows = max(1, min(rows, left) // 2)  # the left half first: rows must go in sequence
                continue
            self.gains.add(tried.gains)
            self._told(lane, self.gains)
            if tried.cursor is None:
                return True
            after, rows = tried.cursor, ROWS
            in_part = () if self._dry_run else tried.in_part

    def _step(self, lane: int, after: int, rows: int, known: KeyLook, in_part: tuple[bytes, ...]) -> Tried | None:
        """One transaction; None when some row among several is refused by the server."""

        def step() -> Tried:
            return self._redrive.step(lane, after, rows, known, in_part=in_part)

        try:
            return patiently(step, stop=self._stop, what="the lane")
        except BadBatch as bad:
            if rows > 1:
                return None
            refused = (self._redrive.taken[0], bad)
            return self._redrive.step(lane, after, 1, known, in_part=in_part, instead=refused)


@dataclass(frozen=True, slots=True)
class OpenRedrive:
    """A pattern with the rules of now."""

    parts: StreamParts
    chosen: ChosenPattern
    rules_hash: str

    def run(
        self, *, who: str, limit: int | None, dry_run: bool, force: bool, told: Callable[[int, Gains], None]
    ) -> tuple[Gains, bool]:
        """Redrive; what it moved, and whether it came to the end."""
        attempt = Attempt(0, self.chosen.pattern_id, 0, 0, self.chosen.rejects)
        if not dry_run:
            if not force:
                self._refuse_to_loop()
            attempt = begin(
                self.parts.database,
                self.chosen.pattern_id,
                who=who,
                version=self.parts.version,
                rules_hash=self.rules_hash,
            )
        redrive = LaneRedrive(self.parts, attempt, _LIMITS, dry_run=dry_run)
        redriving = Redriving(redrive, attempt, limit=limit, dry_run=dry_run, told=told)
        ended = redriving.run(self.chosen.stream.lanes)
        if ended and not dry_run:
            finish(self.parts.database, attempt, who=who)
        return redriving.gains, ended

    def _refuse_to_loop(self) -> None:
        with self.parts.database.transaction() as session:
            past = past_attempts(session, self.chosen.pattern_id)
        if not self.chosen.rejects or not past or past[0].finished_at is None:
            return
        if (past[0].version, past[0].rules_hash) == (self.parts.version, self.rules_hash):
            raise Halted(
                f"pattern {self.chosen.pattern[:10]} was tried with this version, mapping and schema by {past[0].who} "
                f"at {past[0].finished_at.isoformat(' ', 'seconds')}, and {past[0].rejects_after or 0:,} rejects were "
                "left: mend the mapping or the column first, or write --force"
            )


def open_redrive(
    database: Database, path: Path, chosen: ChosenPattern, *, version: str, reached: Reached
) -> OpenRedrive:
    """The pattern's stream by the mapping in `path`, checked against the processed schema as it is now."""
    check_at_head(database)
    mapping = open_mapping(database, path)
    if chosen.stream.name not in mapping.streams:
        raise ConfigError(f"{path} has no stream {chosen.stream.name!r}, which the pattern belongs to")
    with database.transaction() as session:
        live = read_target(session, mapping.target_schema)
    parts = open_streams(database, mapping, version=version, reached=reached)[chosen.stream.name].parts
    return OpenRedrive(parts, chosen, rules_hash(mapping, live))
