"""The cut of a reload: a new generation for what is stored from now on, and every lane closed behind the old one.

Two steps, each safe to repeat by any process: the generation is raised under the counter row, then the lanes close.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db.engine import Database, Session
from db.registry import RegisteredStream
from migration_core.cut import CutOffset
from migration_core.errors import ConfigError, Halted
from migration_core.sequence import closed_end, first_of, last_of
from migration_core.steps import Reached, Step, nothing


@dataclass(frozen=True, slots=True)
class Cut:
    """One reload that has begun and has not ended."""

    reload_id: int
    stream_id: int
    generation: int
    """Of its snapshot: the stream's own rows have the next one."""
    state: str


def open_cut(session: Session, stream_id: int) -> Cut | None:
    """The reload that a stream is in, locked; the counter row must be locked first by whoever changes it."""
    found = session.one(
        "SELECT reload_id, stream_id, generation, state FROM reload "
        "WHERE stream_id = %s AND state NOT IN ('done', 'abandoned') FOR UPDATE",
        (stream_id,),
    )
    return None if found is None else Cut(*found)


def cut_offsets(session: Session, cut: Cut) -> list[CutOffset]:
    """Where every partition stood; one that was accepted later is stored behind the cut altogether."""
    rows = session.rows(
        "SELECT o.source_id, o.topic, o.topic_id, o.kafka_partition, COALESCE(c.cut_offset, o.start_offset) "
        "FROM source_offset o LEFT JOIN reload_offset c ON c.source_id = o.source_id AND c.reload_id = %s "
        "WHERE o.stream_id = %s ORDER BY o.topic, o.kafka_partition",
        (cut.reload_id, cut.stream_id),
    )
    return [CutOffset(*row) for row in rows]


def make_cut(
    database: Database,
    stream: RegisteredStream,
    *,
    allowed: Callable[[Sequence[CutOffset]], object] = lambda _offsets: None,
    reached: Reached = nothing,
) -> Cut:
    """Cut the stream, or finish the cut that is begun; `allowed` is asked of the offsets before anything happens."""
    with database.transaction() as session:
        cut = _raise_generation(session, stream, allowed)
    reached(Step.RELOAD_GENERATION_RAISED)
    cut = close_lanes(database, cut, reached)
    reached(Step.RELOAD_CUT)
    return cut


def close_lanes(database: Database, cut: Cut, reached: Reached = nothing) -> Cut:
    """Lane by lane, so that nobody waits for more than one worker's transaction."""
    if cut.state != "raised":
        return cut
    end = closed_end(cut.generation - 1)
    with database.transaction() as session:
        lanes = session.rows("SELECT lane FROM lane_progress WHERE stream_id = %s ORDER BY lane", (cut.stream_id,))
    for (lane,) in lanes:
        with database.transaction() as session:
            session.execute(
                "UPDATE lane_progress SET open_to = %s WHERE stream_id = %s AND lane = %s AND open_to < %s",
                (end, cut.stream_id, lane, end),
            )
        reached(Step.RELOAD_LANE_CLOSED)
    with database.transaction() as session:
        session.execute("UPDATE reload SET state = 'cut' WHERE reload_id = %s AND state = 'raised'", (cut.reload_id,))
    return Cut(cut.reload_id, cut.stream_id, cut.generation, "cut")


def half_made(session: Session, stream_ids: Sequence[int]) -> list[Cut]:
    """Cuts whose lanes are not all closed: until then a worker finds work behind a lane's end and cannot do it."""
    marks = ", ".join(map(str, stream_ids))
    rows = session.rows(
        f"SELECT reload_id, stream_id, generation, state FROM reload WHERE stream_id IN ({marks}) AND state = 'raised'"
    )
    return [Cut(*row) for row in rows]


def abandon(database: Database, stream: RegisteredStream) -> bool:
    """Go on without a reload whose snapshot is not registered yet; whether there was one."""
    with database.transaction() as session:
        _counter(session, stream)
        cut = open_cut(session, stream.stream_id)
        if cut is None:
            return False
        if cut.state == "loading":
            raise ConfigError(
                f"the snapshot of the reload of {stream.name!r} is being loaded, and workers apply it already: "
                "finish it with the same `migration reload` command"
            )
        session.execute(
            "UPDATE lane_progress SET open_to = %s WHERE stream_id = %s",
            (last_of(cut.generation + 1), stream.stream_id),
        )
        session.execute(
            "UPDATE stream_generation SET opened_at = NOW(6) WHERE stream_id = %s AND generation = %s",
            (stream.stream_id, cut.generation + 1),
        )
        session.execute(
            "UPDATE reload SET state = 'abandoned', ended_at = NOW(6) WHERE reload_id = %s", (cut.reload_id,)
        )
    return True


def _raise_generation(
    session: Session, stream: RegisteredStream, allowed: Callable[[Sequence[CutOffset]], object]
) -> Cut:
    generation = _counter(session, stream)
    begun = open_cut(session, stream.stream_id)
    if begun is not None:
        return begun
    _expect_open(session, stream, generation)
    new = generation + 1
    first_of(new + 1)  # the last generation must fit as well
    # A master that waits for the counter row has moved its offsets in a transaction that nobody sees yet: its rows
    # come behind the cut, and so do these offsets.
    rows = session.rows(
        "SELECT source_id, topic, topic_id, kafka_partition, next_offset FROM source_offset WHERE stream_id = %s "
        "ORDER BY topic, kafka_partition",
        (stream.stream_id,),
    )
    offsets = [CutOffset(*row) for row in rows]
    if not offsets:
        raise ConfigError(f"stream {stream.name!r} reads no topic yet: load its first snapshot instead")
    allowed(offsets)
    session.execute("INSERT INTO reload (stream_id, generation) VALUES (%s, %s)", (stream.stream_id, new))
    cut = Cut(session.inserted_id(), stream.stream_id, new, "raised")
    values = ", ".join(f"({cut.reload_id}, {one.source_id}, {one.offset})" for one in offsets)
    session.execute(f"INSERT INTO reload_offset (reload_id, source_id, cut_offset) VALUES {values}")
    session.execute(
        "INSERT INTO stream_generation (stream_id, generation, kind) VALUES (%s, %s, 'snapshot'), (%s, %s, 'stream')",
        (stream.stream_id, new, stream.stream_id, new + 1),
    )
    session.execute(
        "UPDATE stream_counter SET generation = %s, next_number = 0 WHERE stream_id = %s", (new + 1, stream.stream_id)
    )
    return cut


def _counter(session: Session, stream: RegisteredStream) -> int:
    found = session.one("SELECT generation FROM stream_counter WHERE stream_id = %s FOR UPDATE", (stream.stream_id,))
    if found is None:
        raise Halted(f"stream {stream.name!r} has no counter row: restore the control schema")
    return int(found[0])


def _expect_open(session: Session, stream: RegisteredStream, generation: int) -> None:
    closed = session.one(
        "SELECT COUNT(*) FROM lane_progress WHERE stream_id = %s AND open_to <> %s",
        (stream.stream_id, last_of(generation)),
    )
    if closed != (0,):
        raise ConfigError(
            f"the snapshot of stream {stream.name!r} is not loaded to its end: finish it with `migration snapshot "
            "load` before the stream is reloaded"
        )
