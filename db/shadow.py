"""A replay of one stream into shadow tables: its own lanes and outcomes in the control schema, under a stream id of
its own that has no state and no head, so that no worker, ledger or sweep ever meets it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from db import shadow_tables
from db.bulk import quoted
from db.engine import Database, Session
from db.raw import table_of
from db.registry import RegisteredStream
from migration_core.errors import ConfigError
from migration_core.mapping import CompiledStream
from migration_core.steps import Reached, Step, nothing
from migration_core.target import TargetSchema

_OF_A_RUN = ("row_outcome", "reject", "parked_key", "merged_document", "lane_progress", "reject_pattern", "stream")
"""In an order in which none is left behind that another one needs."""
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Shadow:
    """One replay."""

    replay_id: int
    stream: RegisteredStream
    shadow_id: int
    mapping_hash: str
    tables: tuple[str, ...]
    state: str

    @property
    def registered(self) -> RegisteredStream:
        """What applies it: the stream's raw rows, under lanes and outcomes of the replay."""
        return RegisteredStream(self.shadow_id, self.stream.name, self.stream.lanes, self.stream.partial)


def newest(database: Database, stream: RegisteredStream) -> Shadow | None:
    """The last replay of a stream, whatever its state."""
    with database.transaction() as session:
        return _newest(session, stream)


def begin(
    database: Database,
    stream: RegisteredStream,
    mapping: CompiledStream,
    target: TargetSchema,
    reached: Reached = nothing,
) -> Shadow:
    """Make the shadow tables and the run's lanes, or find those of the same mapping."""
    with database.transaction() as session:
        # Two people who begin at once must not make two runs.
        session.one("SELECT generation FROM stream_counter WHERE stream_id = %s FOR UPDATE", (stream.stream_id,))
        found = _newest(session, stream)
        if found is None or found.state in ("swapped", "dropped"):
            _expect_fit(stream, mapping)
            shadow_tables.expect_free(session, target, [table.name for table in mapping.tables])
            found = _insert(session, stream, mapping)
        elif found.mapping_hash != mapping.hash:
            raise ConfigError(
                f"a replay of stream {stream.name!r} by another mapping is open: go on with that mapping, or end it "
                f"with `migration replay-schema {stream.name} --drop`"
            )
    reached(Step.REPLAY_BEGUN)
    if found.state == "running":
        shadow_tables.make(database, target.name, found.tables)
    reached(Step.REPLAY_TABLES_MADE)
    return found


def open_to_applied(database: Database, shadow: Shadow) -> list[int]:
    """Let the replay follow as far as the stream itself is applied now; the lanes that have something to do."""
    with database.transaction() as session:
        session.execute(
            "UPDATE lane_progress s JOIN lane_progress r ON r.stream_id = %s AND r.lane = s.lane "
            "SET s.open_to = r.applied WHERE s.stream_id = %s AND s.open_to < r.applied",
            (shadow.stream.stream_id, shadow.shadow_id),
        )
        rows = session.rows(
            "SELECT lane FROM lane_progress WHERE stream_id = %s AND applied < open_to ORDER BY lane",
            (shadow.shadow_id,),
        )
    return [lane for (lane,) in rows]


def parked_lanes(database: Database, shadow: Shadow) -> list[int]:
    """Lanes of the replay with keys that wait for a unique value."""
    with database.transaction() as session:
        rows = session.rows("SELECT DISTINCT lane FROM parked_key WHERE stream_id = %s", (shadow.shadow_id,))
    return [lane for (lane,) in rows]


def rows_done(database: Database, shadow: Shadow) -> tuple[int, int]:
    """(rows that the replay has an outcome for, rows that the stream has one for)."""
    counts = "SUM(n_applied + n_superseded + n_filtered + n_parked + n_rejected)"
    with database.transaction() as session:
        found = dict(
            session.rows(
                f"SELECT stream_id, {counts} FROM lane_progress WHERE stream_id IN (%s, %s) GROUP BY stream_id",
                (shadow.shadow_id, shadow.stream.stream_id),
            )
        )
    return int(found.get(shadow.shadow_id, 0)), int(found.get(shadow.stream.stream_id, 0))


def rows_missing(database: Database, shadow: Shadow) -> int:
    """Rows that the stream has applied and that are no longer in raw: tables made without them would lack something."""
    counts = "n_applied + {0}.n_superseded + {0}.n_filtered + {0}.n_parked + {0}.n_rejected"
    real, run = f"r.{counts.format('r')}", f"s.{counts.format('s')}"
    with database.transaction() as session:
        found = session.one(
            f"SELECT COALESCE(SUM({real} - ({run}) - (SELECT COUNT(*) FROM {quoted(table_of(shadow.stream.name))} w "
            "WHERE w.lane = r.lane AND w.sequence > s.applied AND w.sequence <= r.applied)), 0) "
            "FROM lane_progress r JOIN lane_progress s ON s.stream_id = %s AND s.lane = r.lane WHERE r.stream_id = %s",
            (shadow.shadow_id, shadow.stream.stream_id),
        )
    return int(found[0]) if found else 0


def drop(database: Database, schema: str, shadow: Shadow) -> None:
    """Remove the shadow tables and all that the run knows, or what a swap has left of the tables before it."""
    if shadow.state == "swapping":
        raise ConfigError(
            f"the tables of stream {shadow.stream.name!r} are being swapped, and nothing is applied meanwhile: finish "
            f"it with `migration replay-schema {shadow.stream.name} --swap`"
        )
    if shadow.state == "swapped":
        shadow_tables.drop_before(database, schema, shadow.tables)
        return
    shadow_tables.drop_shadows(database, schema, shadow.tables)
    forget(database, shadow)
    with database.transaction() as session:
        session.execute(
            "UPDATE replay SET state = 'dropped', ended_at = NOW(6) WHERE replay_id = %s", (shadow.replay_id,)
        )


def forget(database: Database, shadow: Shadow, tables: Sequence[str] = _OF_A_RUN) -> None:
    """Remove the run's rows, some at a time."""
    for table in tables:
        left = _ROWS_AT_ONCE
        while left == _ROWS_AT_ONCE:
            with database.transaction() as session:
                left = session.execute(
                    f"DELETE FROM {quoted(table)} WHERE stream_id = %s LIMIT {_ROWS_AT_ONCE}", (shadow.shadow_id,)
                )


def _newest(session: Session, stream: RegisteredStream) -> Shadow | None:
    row = session.one(
        "SELECT replay_id, shadow_id, mapping_hash, tables, state FROM replay WHERE stream_id = %s "
        "ORDER BY replay_id DESC LIMIT 1",
        (stream.stream_id,),
    )
    if row is None:
        return None
    replay_id, shadow_id, mapping_hash, tables, state = row
    return Shadow(replay_id, stream, shadow_id, mapping_hash, tuple(json.loads(tables)), state)


def _insert(session: Session, stream: RegisteredStream, mapping: CompiledStream) -> Shadow:
    tables = [table.name for table in mapping.tables]
    session.execute(
        "INSERT INTO replay (stream_id, shadow_id, mapping_hash, tables) VALUES (%s, 0, %s, %s)",
        (stream.stream_id, mapping.hash, json.dumps(tables)),
    )
    replay_id = session.inserted_id()
    session.execute(
        "INSERT INTO stream (name, lanes, key_version, partial, mapping_hash) VALUES (%s, %s, %s, %s, %s)",
        (f"(replay {replay_id})", stream.lanes, mapping.key_version, stream.partial, mapping.hash),
    )
    shadow_id = session.inserted_id()
    session.execute("UPDATE replay SET shadow_id = %s WHERE replay_id = %s", (shadow_id, replay_id))
    lanes = ", ".join(f"({shadow_id}, {lane})" for lane in range(stream.lanes))
    session.execute(f"INSERT INTO lane_progress (stream_id, lane) VALUES {lanes}")
    return Shadow(replay_id, stream, shadow_id, mapping.hash, tuple(tables), "running")


def _expect_fit(stream: RegisteredStream, mapping: CompiledStream) -> None:
    for what, stored, asked in (
        ("lanes", stream.lanes, mapping.lanes),
        ("changes: partial", stream.partial, mapping.partial),
    ):
        if stored != asked:
            raise ConfigError(
                f"stream {stream.name!r} is stored with {what} {stored}, the mapping says {asked}: "
                "a replay may change columns and tables, and not how rows are stored"
            )
