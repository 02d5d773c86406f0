"""Whether a stream is applied: running, paused by a person, or halted by the program; readable by SQL."""

from dataclasses import dataclass

from db import breaker
from db.engine import Session
from db.stop_position import stops_in
from migration_core.stops import Stops


@dataclass(frozen=True, slots=True)
class StreamState:
    """The state of one stream, with why and since when."""

    stream_id: int
    stream: str
    state: str
    reason: str
    rate_limit: int | None
    """Rows a second over all workers."""
    stops_at: tuple[str, ...]
    """Where ingest stops, as TOPIC:PARTITION:OFFSET."""


def states(session: Session) -> list[StreamState]:
    """All streams in order of their names."""
    rows = session.rows(
        "SELECT stream_id, s.name, t.state, t.reason, t.rate_limit, t.stop_position "
        "FROM stream_state t JOIN stream s USING (stream_id) ORDER BY s.name"
    )
    return [
        StreamState(stream_id, name, state, reason, limit, _written(stops_in(stored)))
        for stream_id, name, state, reason, limit, stored in rows
    ]


def _written(stops: Stops) -> tuple[str, ...]:
    return tuple(f"{topic}:{partition}:{offset}" for (topic, partition), offset in sorted(stops.items()))


def halt_stream(session: Session, stream_id: int, reason: str) -> None:
    """Stop applying a stream until a person resumes it; a pause stays a pause."""
    _set(session, stream_id, "halted", reason)


def pause_stream(session: Session, stream_id: int, reason: str) -> None:
    """Stop applying a stream on a person's word; its records are stored as ever."""
    _set(session, stream_id, "paused", reason)


def resume_stream(session: Session, stream_id: int) -> None:
    """Apply a stream again, its halted lanes included."""
    _set(session, stream_id, "running", "")
    session.execute("UPDATE lane_progress SET halted = NULL WHERE stream_id = %s", (stream_id,))
    breaker.begin_anew(session, stream_id)


def _set(session: Session, stream_id: int, state: str, reason: str) -> None:
    session.execute(
        "UPDATE stream_state SET state = %s, reason = %s, since = NOW(6) WHERE stream_id = %s",
        (state, reason[:1000], stream_id),
    )
