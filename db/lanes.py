"""Lane heads and lane progress: who has work, who may apply, and the watermark that moves with the rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from db.engine import Session
from migration_core.errors import Fenced, Halted, StaleMapping
from migration_core.sequence import LAST_NUMBER, unpack

NO_MAPPING = "-"
"""In the place of a mapping's hash: nobody may write while tables are swapped."""


@dataclass(frozen=True, slots=True)
class LaneLook:
    """One lane as seen without a lock."""

    stream: str
    lane: int
    head: int
    applied: int
    open_to: int
    parked: int
    attempts: int
    """Attempts marked at this watermark by processes that may have died of it."""
    backlog: int
    """Rows that are stored and have no outcome yet, open or not."""

    @property
    def has_work(self) -> bool:
        """Whether an open row lies beyond the watermark."""
        return min(self.head, self.open_to) > self.applied


@dataclass(frozen=True, slots=True)
class LockedLane:
    """One lane whose progress row this transaction holds."""

    lane: int
    applied: int
    open_to: int
    parked: int
    mapping_hash: str | None = None
    """Of the only mapping that may write the lane's rows; None is any."""

    def expect_mapping(self, found: str) -> None:
        """StaleMapping where the tables were rebuilt by another mapping than `found`."""
        if self.mapping_hash not in (None, found):
            raise StaleMapping(
                "the tables were rebuilt by another mapping (`migration replay-schema --swap`), and rows of this one "
                "would be wrong in them: start this process with that mapping"
            )


@dataclass(slots=True)
class LaneMove:
    """How one lane's progress changes with this transaction; counts are differences."""

    lane: int
    old: int
    new: int
    applied: int = 0
    superseded: int = 0
    filtered: int = 0
    parked: int = 0
    rejected: int = 0
    parked_keys: int = 0
    time: int | None = None


_LOOK = (
    "SELECT s.name, h.lane, h.head, p.applied, p.open_to, p.parked, "
    "IF(a.applied = p.applied, a.attempts, 0), "
    "CAST(h.`rows` AS SIGNED) - p.n_applied - p.n_superseded - p.n_filtered - p.n_parked - p.n_rejected "
    "FROM lane_head h JOIN lane_progress p USING (stream_id, lane) JOIN stream s USING (stream_id) "
    "JOIN stream_state t USING (stream_id) LEFT JOIN lane_attempt a USING (stream_id, lane) "
    "WHERE t.state = 'running' AND p.halted IS NULL"
)


def looks(session: Session, wanted: Sequence[tuple[int, int]]) -> list[LaneLook]:
    """The lanes `wanted` as (stream id, lane), without those that are paused or halted."""
    if not wanted:
        return []
    pairs = ", ".join(f"({stream_id}, {lane})" for stream_id, lane in wanted)
    return [LaneLook(*row) for row in session.rows(f"{_LOOK} AND (h.stream_id, h.lane) IN ({pairs})")]


def waiting(session: Session, wanted: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of these lanes, as (stream, lane), have work that may be applied now; `wanted` is not empty."""
    pairs = ", ".join(["(%s, %s)"] * len(wanted))
    values = [value for pair in wanted for value in pair]
    found = (LaneLook(*row) for row in session.rows(f"{_LOOK} AND (s.name, h.lane) IN ({pairs})", values))
    return {(look.stream, look.lane) for look in found if look.has_work}


def with_work(session: Session, stream_ids: Sequence[int]) -> list[LaneLook]:
    """Every lane of these streams that has work or parked keys: what the sweeper must know."""
    marks = ", ".join(map(str, stream_ids))
    return [
        LaneLook(*row)
        for row in session.rows(
            f"{_LOOK} AND h.stream_id IN ({marks}) AND (LEAST(h.head, p.open_to) > p.applied OR p.parked > 0)"
        )
    ]


def any_behind(session: Session, stream_id: int, sequence: int) -> bool:
    """Whether any lane of the stream still has work at or below `sequence`."""
    found = session.one(
        "SELECT 1 FROM lane_head h JOIN lane_progress p USING (stream_id, lane) "
        "WHERE stream_id = %s AND p.applied < %s AND LEAST(h.head, p.open_to) > p.applied LIMIT 1",
        (stream_id, sequence),
    )
    return found is not None


def lock(session: Session, stream_id: int, lanes: Sequence[int]) -> list[LockedLane]:
    """Lock the progress rows that nobody else holds, in lane order; must be the transaction's first statement.

    While tables are swapped their lanes count as held.
    """
    marks = ", ".join(map(str, sorted(lanes)))
    rows = session.rows(
        "SELECT lane, applied, open_to, parked, mapping_hash FROM lane_progress "
        f"WHERE stream_id = %s AND lane IN ({marks}) AND halted IS NULL "
        f"AND COALESCE(mapping_hash, '') <> '{NO_MAPPING}' "
        "ORDER BY lane FOR UPDATE SKIP LOCKED",
        (stream_id,),
    )
    return [LockedLane(*row) for row in rows]


def lock_waiting(session: Session, stream_id: int, lane: int) -> tuple[LockedLane, int]:
    """Lock one lane behind whoever holds it, and how often rows of it were settled behind the watermark."""
    found = session.one(
        "SELECT lane, applied, open_to, parked, mapping_hash, settled, halted FROM lane_progress "
        "WHERE stream_id = %s AND lane = %s FOR UPDATE",
        (stream_id, lane),
    )
    if found is None:
        raise Halted(f"lane {lane} of stream {stream_id} has no progress row: restore the control schema")
    if found[6] is not None:
        raise Halted(f"lane {lane} is halted ({found[6]}): mend that, then run `migration resume`")
    return LockedLane(*found[:5]), int(found[5])


def expect_mapping(session: Session, stream_id: int, stream: str, found: str) -> None:
    """For a process that begins: StaleMapping where the tables were rebuilt by another mapping."""
    rows = session.rows(
        "SELECT DISTINCT mapping_hash FROM lane_progress WHERE stream_id = %s AND mapping_hash IS NOT NULL "
        "AND mapping_hash NOT IN (%s, %s)",
        (stream_id, found, NO_MAPPING),
    )
    for (other,) in rows:
        try:
            LockedLane(0, 0, 0, 0, other).expect_mapping(found)
        except StaleMapping as error:
            raise StaleMapping(f"stream {stream!r}: {error}") from None


def move(session: Session, stream_id: int, moves: Sequence[LaneMove]) -> None:
    """Move watermarks and counts, each only from where it was read."""
    values = ", ".join(
        f"ROW({m.lane}, {m.old}, {m.new}, {m.applied}, {m.superseded}, {m.filtered}, {m.parked}, {m.rejected}, "
        f"{m.parked_keys}, {'NULL' if m.time is None else m.time})"
        for m in moves
    )
    moved = session.execute(
        f"UPDATE lane_progress p JOIN (VALUES {values}) AS v "
        "(lane, old, new, n_applied, n_superseded, n_filtered, n_parked, n_rejected, parked, applied_time) "
        "ON p.lane = v.lane AND p.applied = v.old SET p.applied = v.new, "
        "p.n_applied = p.n_applied + v.n_applied, p.n_superseded = p.n_superseded + v.n_superseded, "
        "p.n_filtered = p.n_filtered + v.n_filtered, p.n_parked = p.n_parked + v.n_parked, "
        "p.n_rejected = p.n_rejected + v.n_rejected, p.parked = p.parked + v.parked, "
        "p.applied_time = COALESCE(v.applied_time, p.applied_time) WHERE p.stream_id = %s",
        (stream_id,),
    )
    if moved != len(moves):
        raise Fenced(f"{len(moves) - moved} lanes of stream {stream_id} have another watermark than was locked")


def watermark_after(locked: LockedLane, last: int | None, *, exhausted: bool) -> int:
    """Where the watermark stands after a read: past a finished part when nothing of it is left."""
    closed_end = unpack(locked.open_to)[1] != LAST_NUMBER
    if exhausted and closed_end:
        return locked.open_to
    return locked.applied if last is None else last


def halt_lane(session: Session, stream_id: int, lane: int, reason: str) -> None:
    """Stop applying one lane until a person resumes the stream."""
    session.execute(
        "UPDATE lane_progress SET halted = %s WHERE stream_id = %s AND lane = %s", (reason[:1000], stream_id, lane)
    )


def mark_attempt(session: Session, stream_id: int, lane: int, applied: int, *, inherited: int = 0) -> int:
    """Count one more attempt at this watermark; the attempts so far. A watermark without any begins at `inherited`.

    Only for whoever holds the lane's `attempt_lock`: then all earlier ones ended with the death of their process.
    """
    session.execute(
        "INSERT INTO lane_attempt (stream_id, lane, applied, attempts) VALUES (%s, %s, %s, %s) AS new "
        "ON DUPLICATE KEY UPDATE attempts = IF(lane_attempt.applied = new.applied, lane_attempt.attempts + 1, "
        "new.attempts), applied = new.applied, marked_at = NOW(6)",
        (stream_id, lane, applied, inherited + 1),
    )
    found = session.one("SELECT attempts FROM lane_attempt WHERE stream_id = %s AND lane = %s", (stream_id, lane))
    return int(found[0]) if found else 1


def take_back_attempt(session: Session, stream_id: int, lane: int, applied: int) -> None:
    """Uncount the attempt that this process has survived, and forget the lane's when it has moved on since."""
    session.execute(
        "UPDATE lane_attempt SET attempts = attempts - 1 WHERE stream_id = %s AND lane = %s AND applied = %s",
        (stream_id, lane, applied),
    )
    session.execute(
        "DELETE a FROM lane_attempt a JOIN lane_progress p USING (stream_id, lane) "
        "WHERE a.stream_id = %s AND a.lane = %s AND (a.attempts <= 0 OR a.applied <> p.applied)",
        (stream_id, lane),
    )


def attempt_lock(stream_id: int, lane: int) -> str:
    """The name under which one process at a time attempts a lane that may be deadly."""
    return f"attempt:{stream_id}:{lane}"


def settle_parked(session: Session, stream_id: int, move: LaneMove) -> None:
    """Move one row from parked to what it became at last; the watermark is past it already."""
    session.execute(
        "UPDATE lane_progress SET n_parked = n_parked - 1, parked = parked - 1, n_applied = n_applied + %s, "
        "n_filtered = n_filtered + %s, n_rejected = n_rejected + %s, settled = settled + 1 "
        "WHERE stream_id = %s AND lane = %s",
        (move.applied, move.filtered, move.rejected, stream_id, move.lane),
    )


def mark_settled(session: Session, stream_id: int, lane: int) -> None:
    """Tell whoever looked at the lane without its lock that rows behind the watermark are done since."""
    session.execute(
        "UPDATE lane_progress SET settled = settled + 1 WHERE stream_id = %s AND lane = %s", (stream_id, lane)
    )
