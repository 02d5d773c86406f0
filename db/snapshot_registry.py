"""Registering a snapshot: parts, generation and the offsets from which the stream goes on, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from db.cut import Cut, cut_offsets, open_cut
from db.engine import Database, Session
from db.registry import RegisteredStream
from migration_core.checkpoint import Checkpoint
from migration_core.cut import expect_behind
from migration_core.errors import ConfigError, Halted
from migration_core.manifest import Part, StreamSnapshot, TopicOffsets

_ROWS_A_STATEMENT = 1000
_SWEPT = "keys that the snapshot no longer has"
"""In the place of a file: the last part of a reload holds a delete for each of them."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part as the store knows it."""

    source_id: int
    part: int
    """From 1, in the order of the manifest."""
    file: str
    rows: int
    state: str
    loaded: Checkpoint


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot that this process may load: `epoch` is its fence."""

    snapshot_id: int
    generation: int
    """Of its rows; the stream's own rows have the next one."""
    epoch: int
    complete: bool
    parts: tuple[StoredPart, ...]
    """One for each file."""
    sweep: StoredPart | None = None
    """Of a reload: the part of synthetic deletes, behind those of the files."""


def register_snapshot(
    database: Database, stream: RegisteredStream, snapshot: StreamSnapshot, folder: str
) -> StoredSnapshot:
    """Register `snapshot`, or find it registered and take it over from whoever loads it."""
    with database.transaction() as session:
        counter = session.one(
            "SELECT generation, next_number FROM stream_counter WHERE stream_id = %s FOR UPDATE", (stream.stream_id,)
        )
        if counter is None:
            raise Halted(f"stream {stream.name!r} has no counter row: restore the control schema")
        cut = open_cut(session, stream.stream_id)
        found = session.one(
            "SELECT snapshot_id, generation, manifest_sha256, folder, epoch, state FROM snapshot "
            "WHERE stream_id = %s ORDER BY generation DESC LIMIT 1 FOR UPDATE",
            (stream.stream_id,),
        )
        if cut is not None and cut.state != "loading":
            snapshot_id, generation = _begin_reload(session, stream, snapshot, folder, cut), cut.generation
            epoch, state = 0, "loading"
        elif found is None:
            snapshot_id, generation = _begin(session, stream, snapshot, folder, *counter)
            epoch, state = 0, "loading"
        else:
            snapshot_id, generation, sha256, old_folder, epoch, state = found
            if sha256 != snapshot.sha256:
                raise ConfigError(
                    f"stream {stream.name!r} was registered with another manifest (of {old_folder}), and a snapshot "
                    "may not change halfway: load that folder to its end, and then this one, if it is newer, with "
                    "`migration reload`"
                )
        session.execute(
            "UPDATE snapshot SET epoch = %s, folder = %s WHERE snapshot_id = %s", (epoch + 1, folder, snapshot_id)
        )
        parts = read_parts(session, snapshot_id)
    files = len(snapshot.parts)
    sweep = parts[files] if len(parts) > files else None
    return StoredSnapshot(snapshot_id, generation, epoch + 1, state == "complete", parts[:files], sweep)


def is_loaded(database: Database, stream: RegisteredStream, snapshot: StreamSnapshot) -> bool:
    """Whether this snapshot is the stream's newest one, and loaded to its end."""
    with database.transaction() as session:
        found = session.one(
            "SELECT manifest_sha256, state FROM snapshot WHERE stream_id = %s ORDER BY generation DESC LIMIT 1",
            (stream.stream_id,),
        )
    return found == (snapshot.sha256, "complete")


def read_parts(session: Session, snapshot_id: int) -> tuple[StoredPart, ...]:
    """All parts in order."""
    rows = session.rows(
        "SELECT source_id, part, file, `rows`, state, lines_loaded, byte_offset, loaded_sha256 "
        "FROM snapshot_part WHERE snapshot_id = %s ORDER BY part",
        (snapshot_id,),
    )
    return tuple(stored_part(row) for row in rows)


def stored_part(row: Sequence[object]) -> StoredPart:
    """From (source_id, part, file, rows, state, lines, bytes, sha256)."""
    source_id, part, file, rows, state, lines, size, sha256 = row
    loaded = Checkpoint(int(str(lines)), int(str(size)), str(sha256)) if lines else Checkpoint()
    return StoredPart(int(str(source_id)), int(str(part)), str(file), int(str(rows)), str(state), loaded)


def _begin(
    session: Session, stream: RegisteredStream, snapshot: StreamSnapshot, folder: str, generation: int, number: int
) -> tuple[int, int]:
    begun = session.one("SELECT 1 FROM stream_generation WHERE stream_id = %s LIMIT 1", (stream.stream_id,))
    if begun or number:
        raise ConfigError(
            f"stream {stream.name!r} has rows of its topics already, and a snapshot comes before them: "
            "load a newer one with `migration reload`"
        )
    for offsets in snapshot.topics:
        _insert_offset(session, stream, offsets)
    snapshot_id = _insert_snapshot(session, stream, snapshot, folder, generation)
    _insert_parts(session, stream, snapshot_id, snapshot.parts)
    session.execute(
        "INSERT INTO stream_generation (stream_id, generation, kind) VALUES (%s, %s, 'snapshot'), (%s, %s, 'stream')",
        (stream.stream_id, generation, stream.stream_id, generation + 1),
    )
    session.execute(
        "UPDATE stream_counter SET generation = %s, next_number = 0 WHERE stream_id = %s",
        (generation + 1, stream.stream_id),
    )
    return snapshot_id, generation


def _begin_reload(session: Session, stream: RegisteredStream, snapshot: StreamSnapshot, folder: str, cut: Cut) -> int:
    if cut.state == "raised":
        raise ConfigError(f"the cut of stream {stream.name!r} is half made: run `migration reload {stream.name}` first")
    starts = expect_behind(cut_offsets(session, cut), snapshot, partial=stream.partial)
    for source_id, start in starts.items():
        session.execute(
            "INSERT INTO reload_offset (reload_id, source_id, cut_offset, start_offset) VALUES (%s, %s, 0, %s) AS new "
            "ON DUPLICATE KEY UPDATE start_offset = new.start_offset",
            (cut.reload_id, source_id, start),
        )
    snapshot_id = _insert_snapshot(session, stream, snapshot, folder, cut.generation)
    _insert_parts(session, stream, snapshot_id, snapshot.parts)
    session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'part')", (stream.stream_id,))
    session.execute(
        "INSERT INTO snapshot_part (source_id, snapshot_id, part, file, `rows`, bytes, sha256) "
        "VALUES (%s, %s, %s, %s, 0, 0, '')",
        (session.inserted_id(), snapshot_id, len(snapshot.parts) + 1, _SWEPT),
    )
    session.execute("UPDATE reload SET state = 'loading' WHERE reload_id = %s", (cut.reload_id,))
    return snapshot_id


def _insert_snapshot(
    session: Session, stream: RegisteredStream, snapshot: StreamSnapshot, folder: str, generation: int
) -> int:
    session.execute(
        "INSERT INTO snapshot (stream_id, generation, manifest_sha256, folder) VALUES (%s, %s, %s, %s)",
        (stream.stream_id, generation, snapshot.sha256, folder),
    )
    return session.inserted_id()


def _insert_offset(session: Session, stream: RegisteredStream, offsets: TopicOffsets) -> None:
    """A row that does not exist; one that does is never changed, since a master may live by it."""
    found = session.one(
        "SELECT stream_id, topic_id FROM source_offset WHERE topic = %s AND kafka_partition = %s FOR SHARE",
        (offsets.topic, offsets.partition),
    )
    if found is not None:
        if found != (stream.stream_id, offsets.topic_id):
            raise ConfigError(
                f"{offsets.topic}[{offsets.partition}] is registered for another stream or as another topic of that "
                "name: a topic feeds exactly one stream"
            )
        return
    session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream.stream_id,))
    session.execute(
        "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, end_offset, "
        "next_offset, leader_epoch) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            session.inserted_id(),
            stream.stream_id,
            offsets.topic,
            offsets.topic_id,
            offsets.partition,
            offsets.start_offset,
            offsets.end_offset,
            offsets.start_offset,
            offsets.leader_epoch,
        ),
    )


def _insert_parts(session: Session, stream: RegisteredStream, snapshot_id: int, parts: Sequence[Part]) -> None:
    numbered = list(enumerate(parts, start=1))
    for group in _groups(numbered):
        marks = ", ".join(["(%s, 'part')"] * len(group))
        session.execute(f"INSERT INTO source (stream_id, kind) VALUES {marks}", [stream.stream_id] * len(group))
        # The counter row is locked, so no one else makes parts of this stream: these ids are ours, in order.
        ids = session.rows(
            "SELECT source_id FROM source WHERE stream_id = %s AND kind = 'part' AND source_id >= %s "
            "ORDER BY source_id",
            (stream.stream_id, session.inserted_id()),
        )
        values = [
            value
            for (source_id,), (number, part) in zip(ids, group, strict=True)
            for value in (source_id, snapshot_id, number, part.file, part.rows, part.bytes, part.sha256)
        ]
        marks = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(group))
        session.execute(
            f"INSERT INTO snapshot_part (source_id, snapshot_id, part, file, `rows`, bytes, sha256) VALUES {marks}",
            values,
        )


def _groups(numbered: Sequence[tuple[int, Part]]) -> Iterable[Sequence[tuple[int, Part]]]:
    for start in range(0, len(numbered), _ROWS_A_STATEMENT):
        yield numbered[start : start + _ROWS_A_STATEMENT]
