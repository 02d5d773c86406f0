"""The swap of a replay: lanes shut, tables renamed, then lane by lane the run's outcomes in the place of the stream's.

Each step is safe to repeat. From the first lane that is shut to the last that is switched, nobody else may apply.
"""

from db import shadow_tables
from db.engine import Database, Session
from db.lanes import NO_MAPPING
from db.registry import RegisteredStream
from db.shadow import Shadow, forget
from migration_core.errors import ConfigError, Halted
from migration_core.steps import Reached, Step, nothing

_MOVED = ("row_outcome", "parked_key", "merged_document")
_COUNTS = ("n_applied", "n_superseded", "n_filtered", "n_parked", "n_rejected", "parked")


def shut_lanes(database: Database, shadow: Shadow, reached: Reached = nothing) -> None:
    """After this no other process writes a row of the stream's tables, however it was started."""
    with database.transaction() as session:
        session.execute("UPDATE replay SET state = 'swapping' WHERE replay_id = %s", (shadow.replay_id,))
    for lane in _lanes(database, shadow.stream.stream_id):
        with database.transaction() as session:  # waits for the worker that holds it
            if _own_lane(session, shadow, lane) is not None:  # else it is switched already
                session.execute(
                    "UPDATE lane_progress SET mapping_hash = %s WHERE stream_id = %s AND lane = %s",
                    (NO_MAPPING, shadow.stream.stream_id, lane),
                )
    reached(Step.REPLAY_FENCED)


def finish(database: Database, schema: str, shadow: Shadow, file_hash: str, reached: Reached = nothing) -> None:
    """Rename, switch every lane, and forget the run; the replay must stand where the shut lanes stand."""
    shadow_tables.swap(database, schema, shadow.tables)
    reached(Step.REPLAY_RENAMED)
    _share_patterns(database, shadow)
    for lane in _lanes(database, shadow.stream.stream_id):
        with database.transaction() as session:
            _switch(session, shadow, lane)
        reached(Step.REPLAY_LANE_SWITCHED)
    _count_patterns(database, shadow)
    forget(database, shadow, ("reject_pattern", "stream"))
    with database.transaction() as session:
        session.execute(
            "UPDATE stream SET mapping_hash = %s WHERE stream_id = %s", (file_hash, shadow.stream.stream_id)
        )
        session.execute(
            "UPDATE replay SET state = 'swapped', ended_at = NOW(6) WHERE replay_id = %s", (shadow.replay_id,)
        )
    reached(Step.REPLAY_SWAPPED)


def accept_mapping(database: Database, stream: RegisteredStream, mapping_hash: str) -> None:
    """Let workers of this mapping, and no others, write the tables as they are."""
    for lane in _lanes(database, stream.stream_id):
        with database.transaction() as session:
            changed = session.execute(
                "UPDATE lane_progress SET mapping_hash = %s WHERE stream_id = %s AND lane = %s "
                "AND (mapping_hash IS NULL OR mapping_hash <> %s)",
                (mapping_hash, stream.stream_id, lane, NO_MAPPING),
            )
        if not changed:
            raise ConfigError(
                f"the tables of stream {stream.name!r} are being swapped: finish it with `migration replay-schema "
                f"{stream.name} --swap`"
            )


def expect_level(database: Database, shadow: Shadow) -> None:
    """Halted where a lane that is not switched yet stands elsewhere than the replay does."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT r.lane FROM lane_progress r JOIN lane_progress s ON s.stream_id = %s AND s.lane = r.lane "
            "WHERE r.stream_id = %s AND r.applied <> s.applied",
            (shadow.shadow_id, shadow.stream.stream_id),
        )
    if rows:
        raise Halted(f"lanes {[lane for (lane,) in rows]} of stream {shadow.stream.name!r} moved while they were shut")


def _lanes(database: Database, stream_id: int) -> list[int]:
    with database.transaction() as session:
        rows = session.rows("SELECT lane FROM lane_progress WHERE stream_id = %s ORDER BY lane", (stream_id,))
    return [lane for (lane,) in rows]


def _own_lane(session: Session, shadow: Shadow, lane: int) -> tuple[int, ...] | None:
    """Where the replay stands in a lane, locked behind the stream's own; None when the lane is switched."""
    session.one(
        "SELECT applied FROM lane_progress WHERE stream_id = %s AND lane = %s FOR UPDATE",
        (shadow.stream.stream_id, lane),
    )
    return session.one(
        "SELECT applied FROM lane_progress WHERE stream_id = %s AND lane = %s FOR UPDATE", (shadow.shadow_id, lane)
    )


def _switch(session: Session, shadow: Shadow, lane: int) -> None:
    if _own_lane(session, shadow, lane) is None:
        return
    real, run = shadow.stream.stream_id, shadow.shadow_id
    for table in (*_MOVED, "reject"):
        session.execute(f"DELETE FROM {table} WHERE stream_id = %s AND lane = %s", (real, lane))
    for table in _MOVED:
        session.execute(f"UPDATE {table} SET stream_id = %s WHERE stream_id = %s AND lane = %s", (real, run, lane))
    session.execute(
        "UPDATE reject r JOIN reject_pattern s ON s.pattern_id = r.pattern_id "
        "JOIN reject_pattern t ON t.stream_id = %s AND t.hash = s.hash "
        "SET r.stream_id = %s, r.pattern_id = t.pattern_id WHERE r.stream_id = %s AND r.lane = %s",
        (real, real, run, lane),
    )
    counts = ", ".join(f"r.{name} = s.{name}" for name in _COUNTS)
    session.execute(
        f"UPDATE lane_progress r JOIN lane_progress s ON s.stream_id = %s AND s.lane = r.lane SET {counts}, "
        "r.settled = r.settled + 1, r.mapping_hash = %s WHERE r.stream_id = %s AND r.lane = %s",
        (run, shadow.mapping_hash, real, lane),
    )
    session.execute("DELETE FROM lane_progress WHERE stream_id = %s AND lane = %s", (run, lane))


def _share_patterns(database: Database, shadow: Shadow) -> None:
    """Every pattern of the run exists under the stream as well, with what a person has said of it."""
    with database.transaction() as session:
        session.execute(
            "INSERT INTO reject_pattern (stream_id, hash, stage, code, field_path, shape, first_seen, last_seen) "
            "SELECT %s, hash, stage, code, field_path, shape, first_seen, last_seen FROM reject_pattern AS run "
            "WHERE stream_id = %s AND NOT EXISTS (SELECT 1 FROM reject_pattern AS own "
            "WHERE own.stream_id = %s AND own.hash = run.hash)",
            (shadow.stream.stream_id, shadow.shadow_id, shadow.stream.stream_id),
        )


def _count_patterns(database: Database, shadow: Shadow) -> None:
    """A pattern that no row has any more is fixed."""
    with database.transaction() as session:
        session.execute(
            "UPDATE reject_pattern p LEFT JOIN (SELECT pattern_id, COUNT(*) AS found FROM reject WHERE stream_id = %s "
            "GROUP BY pattern_id) AS r USING (pattern_id) SET p.state = IF(r.found IS NULL, 'fixed', p.state), "
            "p.rejects = COALESCE(r.found, 0) WHERE p.stream_id = %s",
            (shadow.stream.stream_id, shadow.stream.stream_id),
        )
