"""What people decided about patterns: accepted as a deviation, or opened again, with who and why."""

from dataclasses import dataclass
from datetime import datetime

from db import kept_out, lanes, parks, raw
from db.engine import Database, Session
from db.lanes import LockedLane
from db.registry import RegisteredStream
from migration_core.errors import ConfigError, Reason
from migration_core.folding import Folded, Rejection
from migration_core.records import RawRow

_KEYS_AT_ONCE = 100
_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 8 << 20
BEHIND_ACCEPTED = Reason("accept", "BEHIND_ACCEPTED", detail="it waited behind a reject that was accepted")


@dataclass(frozen=True, slots=True)
class ChosenPattern:
    """The one pattern that a command is about."""

    pattern_id: int
    pattern: str
    stream: RegisteredStream
    stage: str
    code: str
    field_path: str
    shape: str
    state: str
    rejects: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about a pattern."""

    state: str
    who: str
    because: str
    rejects: int
    decided_at: datetime


def the_pattern(database: Database, begins: str) -> ChosenPattern:
    """The pattern whose hash begins so; ConfigError where it is none or several."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT t.pattern_id, t.hash, s.stream_id, s.name, s.lanes, s.partial, t.stage, t.code, t.field_path, "
            "t.shape, t.state, t.rejects FROM reject_pattern t JOIN stream s USING (stream_id) "
            "JOIN stream_state USING (stream_id) "
            "WHERE LEFT(t.hash, %s) = %s ORDER BY t.hash LIMIT 3",
            (len(begins), begins),
        )
    if not rows or not begins:
        raise ConfigError(f"no pattern begins with {begins!r}; see `migration rejects list`")
    if len(rows) > 1:
        raise ConfigError(f"several patterns begin with {begins!r}: write more of it ({rows[0][1]} is one)")
    pattern_id, name, stream_id, stream, count, partial, *rest = rows[0]
    return ChosenPattern(pattern_id, name, RegisteredStream(stream_id, stream, count, bool(partial)), *rest)


def decisions(session: Session, pattern_id: int) -> list[Decision]:
    """All decisions about a pattern, the newest first."""
    rows = session.rows(
        "SELECT state, who, because, rejects, decided_at FROM reject_decision WHERE pattern_id = %s "
        "ORDER BY decision_id DESC",
        (pattern_id,),
    )
    return [Decision(*row) for row in rows]


def accept(database: Database, chosen: ChosenPattern, *, who: str, because: str, version: str) -> int:
    """Record a deviation, and reject what waits behind it; how many rows that were. Safe to repeat.

    The keys are free afterwards: later changes apply to what they were before the reject.
    """
    with database.transaction() as session:
        _decide(session, chosen.pattern_id, "accepted", who, because)
    if not chosen.stream.partial:
        return 0
    return sum(
        _reject_waiting(database, chosen, lane, who=who, because=because, version=version)
        for lane in range(chosen.stream.lanes)
    )


def reopen(database: Database, chosen: ChosenPattern, *, who: str, because: str) -> None:
    """Take an acceptance back; rows stay rejected."""
    with database.transaction() as session:
        _decide(session, chosen.pattern_id, "open", who, because)


def _decide(session: Session, pattern_id: int, state: str, who: str, because: str) -> None:
    session.execute("UPDATE reject_pattern SET state = %s WHERE pattern_id = %s", (state, pattern_id))
    session.execute(
        "INSERT INTO reject_decision (pattern_id, state, who, because, rejects) "
        "SELECT pattern_id, %s, %s, %s, rejects FROM reject_pattern WHERE pattern_id = %s",
        (state, who[:100], because[:1000], pattern_id),
    )


def _reject_waiting(
    database: Database, chosen: ChosenPattern, lane: int, *, who: str, because: str, version: str
) -> int:
    """All rows of one lane that wait behind the pattern, some of them a transaction."""
    rejected = 0
    while True:
        with database.transaction() as session:
            locked, _ = lanes.lock_waiting(session, chosen.stream.stream_id, lane)
            found = _reject_some(session, chosen, locked, version)
            _accept_behind(session, chosen.stream, who, because)
        if found is None:
            return rejected
        rejected += found


def _reject_some(session: Session, chosen: ChosenPattern, locked: LockedLane, version: str) -> int | None:
    """Reject rows of the next keys, and free those keys that have no more; None when there is none to free."""
    stream, lane = chosen.stream, locked.lane
    keys = parks.behind_pattern(session, stream.stream_id, lane, chosen.pattern_id, limit=_KEYS_AT_ONCE)
    if not keys:
        return None
    rows: list[RawRow] = []
    ended = 0
    for key in keys:
        room = _ROWS_AT_ONCE - len(rows)
        size = _BYTES_AT_ONCE - sum(len(row.value or b"") for row in rows)
        if room <= 0 or size <= 0:
            break
        waiting = parks.waiting(session, stream.stream_id, stream.name, lane, key, limit=room + 1)
        found, _ = raw.read_these(session, stream.name, lane, waiting[:room], size=size)
        rows += found
        if len(found) == len(waiting):
            parks.end(session, stream.stream_id, lane, key)
            ended += 1
    before = kept_out.of_sequences(session, stream.stream_id, lane, [row.sequence for row in rows])
    folded = Folded(rejections=[Rejection(row, BEHIND_ACCEPTED) for row in rows])
    kept_out.settle(session, stream, locked, before, folded, version=version, parked_keys=-ended)
    return len(rows)


def _accept_behind(session: Session, stream: RegisteredStream, who: str, because: str) -> None:
    """Rows that waited are part of the same deviation."""
    rows = session.rows(
        "SELECT pattern_id FROM reject_pattern "
        "WHERE stream_id = %s AND code = %s AND state <> 'accepted' AND rejects > 0",
        (stream.stream_id, BEHIND_ACCEPTED.code),
    )
    for (pattern_id,) in rows:
        _decide(session, pattern_id, "accepted", who, because)
