"""The circuit breaker: rejects are counted in the transaction that would store them, and too many roll it back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.engine import Database, Session
from db.registry import RegisteredStream
from migration_core.breaker import BreakerLimit, RejectWindow, looked_at
from migration_core.errors import Halted, Reason
from migration_core.pattern import reason_hash

_PATTERNS_SHOWN = 3


class Tripped(Halted):
    """Too many rejects: nothing of this transaction is kept, and the stream must pause."""

    def __init__(self, stream: str, why: str, reasons: Sequence[Reason]) -> None:
        counts = Counter(reason_hash(stream, reason) for reason in reasons)
        self.reasons = {reason_hash(stream, reason): reason for reason in reasons}
        first = counts.most_common(1)[0][0]
        self.pattern, cause = first, self.reasons[first]
        super().__init__(
            f"{why}, most by pattern {first[:10]} ({cause.stage} {cause.code} at {cause.field_path or '$'}): mend the "
            f"cause, or `migration rejects accept {first[:10]}`; then `migration resume {stream}`"
        )


@dataclass(frozen=True, slots=True)
class StreamBreaker:
    """One stream's limits and what its window holds, for people."""

    stream: str
    share_percent: int | None
    of_rows: int
    in_a_row: int | None
    rejects: int
    run: int


def check(
    session: Session,
    stream: RegisteredStream,
    rows: Sequence[int],
    rejected: Mapping[int, Reason],
    neutral: frozenset[int] = frozenset(),
) -> None:
    """Count `rejected` among the sequences `rows` of this transaction; raises Tripped.

    Call it when the lanes' counts have moved. Rejects that a person knows of do not count: of accepted patterns, and
    of the rows that were stored when the stream was resumed after just these patterns.
    """
    if not rejected:
        return
    session.execute(
        "INSERT INTO reject_window (stream_id) VALUES (%s) ON DUPLICATE KEY UPDATE stream_id = stream_id",
        (stream.stream_id,),
    )
    found = session.one(
        "SELECT share_percent, of_rows, in_a_row, began, rejects, run, seen, grace_to FROM reject_window "
        "WHERE stream_id = %s FOR UPDATE",
        (stream.stream_id,),
    )
    if found is None:
        raise Halted(f"stream {stream.name!r} has no reject window: restore the control schema")
    known = _known(session, stream, rejected, found[7])
    done = _done(session, stream.stream_id)
    window, why = looked_at(
        RejectWindow(*found[3:7]),
        BreakerLimit(*found[:3]),
        (None if at in known or at in neutral else at in rejected for at in rows),
        before=done - len(rows),
        after=done,
    )
    if why:
        raise Tripped(stream.name, why, [reason for at, reason in rejected.items() if at not in known])
    session.execute(
        "UPDATE reject_window SET began = %s, rejects = %s, run = %s, seen = %s WHERE stream_id = %s",
        (window.began, window.rejects, window.run, window.seen, stream.stream_id),
    )


def pause(database: Database, stream_id: int, tripped: Tripped) -> None:
    """Pause the stream for a person, who finds the patterns listed although none of their rows was rejected."""
    with database.transaction() as session:
        for name in sorted(tripped.reasons):
            reason = tripped.reasons[name]
            session.execute(
                "INSERT INTO reject_pattern (stream_id, hash, stage, code, field_path, shape, tripped) "
                "VALUES (%s, %s, %s, %s, %s, %s, TRUE) ON DUPLICATE KEY UPDATE tripped = TRUE",
                (stream_id, name, reason.stage, reason.code, reason.field_path[:500], reason.shape[:200]),
            )
        session.execute(
            "UPDATE stream_state SET state = 'paused', reason = %s, since = NOW(6) "
            "WHERE stream_id = %s AND state = 'running'",
            (str(tripped)[:1000], stream_id),
        )


def begin_anew(session: Session, stream_id: int) -> None:
    """A person resumed the stream: what is stored now may fail as it did, and the count begins again."""
    # The transaction that tripped took the row with it when it was the first one to make it.
    session.execute(
        "INSERT INTO reject_window (stream_id, began, grace_to) "
        "SELECT * FROM (SELECT stream_id, %s AS began, MAX(head) AS head FROM lane_head WHERE stream_id = %s "
        "GROUP BY stream_id) AS now ON DUPLICATE KEY UPDATE began = now.began, grace_to = now.head, rejects = 0, "
        "run = 0, seen = 0",
        (_done(session, stream_id), stream_id),
    )


def set_limit(session: Session, stream_id: int, limit: BreakerLimit) -> None:
    """What the stream may reject from now on."""
    session.execute(
        "INSERT INTO reject_window (stream_id, share_percent, of_rows, in_a_row) VALUES (%s, %s, %s, %s) AS new "
        "ON DUPLICATE KEY UPDATE share_percent = new.share_percent, of_rows = new.of_rows, in_a_row = new.in_a_row",
        (stream_id, limit.share_percent, limit.of_rows, limit.in_a_row),
    )


def breakers(session: Session) -> list[StreamBreaker]:
    """All streams in order of their names; those that never rejected anything have the usual limits."""
    usual = BreakerLimit()
    rows = session.rows(
        "SELECT s.name, w.share_percent, w.of_rows, w.in_a_row, w.rejects, w.run FROM stream s "
        "LEFT JOIN reject_window w USING (stream_id) ORDER BY s.name"
    )
    return [
        StreamBreaker(*row)
        if row[2] is not None
        else StreamBreaker(row[0], usual.share_percent, usual.of_rows, usual.in_a_row, 0, 0)
        for row in rows
    ]


def _known(session: Session, stream: RegisteredStream, rejected: Mapping[int, Reason], grace_to: int) -> set[int]:
    """The sequences of rejects that a person has seen coming."""
    names = {at: reason_hash(stream.name, reason) for at, reason in rejected.items()}
    every = sorted(set(names.values()))
    rows = session.rows(
        "SELECT hash, state FROM reject_pattern WHERE stream_id = %s AND (state = 'accepted' OR tripped) "
        f"AND hash IN ({', '.join(['%s'] * len(every))})",
        (stream.stream_id, *every),
    )
    states = dict(rows)
    return {at for at, name in names.items() if name in states and (states[name] == "accepted" or at <= grace_to)}


def _done(session: Session, stream_id: int) -> int:
    found = session.one(
        "SELECT SUM(n_applied + n_superseded + n_filtered + n_parked + n_rejected) FROM lane_progress "
        "WHERE stream_id = %s",
        (stream_id,),
    )
    return int(found[0] or 0) if found else 0
