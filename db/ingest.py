"""The master's transaction: offsets, numbers, raw rows and lane heads in one commit, fenced by offset and epoch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from db import raw
from db.engine import Database, Session
from db.stop_position import StopSet, stops_in
from migration_core import sequence
from migration_core.errors import Fenced, Halted
from migration_core.records import Received
from migration_core.steps import Reached, Step, nothing
from migration_core.stops import Stops


@dataclass(frozen=True, slots=True)
class SourceOffset:
    """One partition as the store knows it; `next_offset` is of the next record to be read."""

    source_id: int
    stream: str
    topic: str
    topic_id: str
    partition: int
    start_offset: int
    end_offset: int
    next_offset: int
    leader_epoch: int | None
    last_offset: int | None
    last_sha256: str | None
    halted: str | None


@dataclass(slots=True)
class PartitionRows:
    """What one transaction takes of one partition: rows of (lane, key, record), and where the partition then stands.

    Without rows it only moves `next_offset`, as at the end of a partition behind transaction markers.
    """

    source: SourceOffset
    expected: int
    next_offset: int
    leader_epoch: int | None
    rows: list[tuple[int, bytes | None, Received]] = field(default_factory=list)
    last_offset: int | None = None
    last_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class TouchedLane:
    """A lane after the commit; `rows` of them came with this transaction."""

    stream: str
    lane: int
    rows: int
    head: int
    backlog: int
    """Rows of the lane that are stored and have no outcome yet, this transaction's included."""


class IngestStore:
    """The store of one master; `epoch` is its fence, raised at take-over."""

    def __init__(self, database: Database, reached: Reached = nothing) -> None:
        self._database = database
        self._reached = reached
        self._epoch: int | None = None
        self._stream_ids: dict[str, int] = {}

    def take_over(self, streams: Sequence[str]) -> list[SourceOffset]:
        """Raise the epoch on all offset rows of `streams` and read them, in one transaction: older masters are out.

        Where no row is registered yet there is nothing that could hold an epoch, so none is taken: two masters would
        have the same one.
        """
        with self._database.transaction() as session:
            self._stream_ids = _stream_ids(session, streams)
            marks, ids = _marks(self._stream_ids.values())
            # Over all streams: masters whose streams are not the same ones must never have the same epoch.
            found = session.one(
                f"SELECT COALESCE(MAX(epoch), 0), COALESCE(SUM(stream_id IN ({marks})), 0) FROM source_offset "
                "FOR UPDATE",
                ids,
            )
            if found is None or not found[1]:
                return []
            epoch = int(found[0]) + 1
            session.execute(f"UPDATE source_offset SET epoch = %s WHERE stream_id IN ({marks})", (epoch, *ids))
            sources = self._read(session, epoch)
        self._epoch = epoch
        self._reached(Step.MASTER_TOOK_OVER)
        return sources

    @property
    def epoch(self) -> int:
        """This master's fence, known after take-over."""
        if self._epoch is None:
            raise Halted("the fence is known only after take-over")
        return self._epoch

    def read_again(self) -> list[SourceOffset]:
        """After any error: the truth, by a locking read, since a plain one may miss a COMMIT whose answer was lost."""
        with self._database.transaction() as session:
            marks, ids = _marks(self._stream_ids.values())
            epochs = session.rows(f"SELECT epoch FROM source_offset WHERE stream_id IN ({marks}) FOR UPDATE", ids)
            if any(epoch > self.epoch for (epoch,) in epochs):
                raise Fenced(f"another master took over (epoch {max(epochs)[0]}, mine was {self._epoch})")
            # Partitions that a loader registered meanwhile have no master yet.
            session.execute(
                f"UPDATE source_offset SET epoch = %s WHERE stream_id IN ({marks}) AND epoch < %s",
                (self.epoch, *ids, self.epoch),
            )
            return self._read(session, self.epoch)

    def commit(self, batches: Sequence[PartitionRows]) -> list[TouchedLane]:
        """Store `batches` exactly once, or raise: Fenced when another master moved an offset or the epoch."""
        by_stream: dict[str, list[PartitionRows]] = defaultdict(list)
        for batch in batches:
            by_stream[batch.source.stream].append(batch)
        heads: dict[tuple[str, int], _Head] = {}
        with self._database.transaction() as session:
            self._move_offsets(session, batches)
            self._reached(Step.MASTER_OFFSETS_MOVED)
            counters = self._take_numbers(session, by_stream)
            self._reached(Step.MASTER_NUMBERS_TAKEN)
            for stream, parts in by_stream.items():
                if stream in counters:
                    _write_rows(session, stream, parts, *counters[stream], heads)
            self._reached(Step.MASTER_RAW_WRITTEN)
            self._move_heads(session, heads)
            self._reached(Step.MASTER_HEADS_MOVED)
        self._reached(Step.MASTER_COMMITTED)
        return self._backlogs(heads)

    def _read(self, session: Session, epoch: int) -> list[SourceOffset]:
        marks, ids = _marks(self._stream_ids.values())
        rows = session.rows(
            "SELECT o.source_id, s.name, o.topic, o.topic_id, o.kafka_partition, o.start_offset, o.end_offset, "
            "o.next_offset, o.leader_epoch, o.last_offset, o.last_sha256, o.halted "
            f"FROM source_offset o JOIN stream s USING (stream_id) WHERE o.stream_id IN ({marks}) "
            "AND o.epoch = %s ORDER BY o.topic, o.kafka_partition FOR SHARE OF o",
            (*ids, epoch),
        )
        return [SourceOffset(*row) for row in rows]

    def _move_offsets(self, session: Session, batches: Sequence[PartitionRows]) -> None:
        """One statement for all partitions; each must stand where it was read, in this master's epoch."""
        one = "ROW(%s, %s, %s, %s, %s, %s)"
        values = ", ".join([one] * len(batches))
        moved = session.execute(
            f"UPDATE source_offset o JOIN (VALUES {values}) AS v (source_id, expected, next_offset, leader_epoch, "
            "last_offset, last_sha256) ON o.source_id = v.source_id AND o.next_offset = v.expected "
            "SET o.next_offset = v.next_offset, o.leader_epoch = COALESCE(v.leader_epoch, o.leader_epoch), "
            "o.last_offset = COALESCE(v.last_offset, o.last_offset), "
            "o.last_sha256 = COALESCE(v.last_sha256, o.last_sha256), o.moved_at = NOW(6) WHERE o.epoch = %s",
            [
                value
                for batch in batches
                for value in (
                    batch.source.source_id,
                    batch.expected,
                    batch.next_offset,
                    batch.leader_epoch,
                    batch.last_offset,
                    batch.last_sha256,
                )
            ]
            + [self._epoch],
        )
        if moved != len(batches):
            places = ", ".join(f"{b.source.topic}[{b.source.partition}] at {b.expected}" for b in batches)
            raise Fenced(f"{moved} of these stand where they were read, in epoch {self._epoch}: {places}")

    def _take_numbers(self, session: Session, streams: dict[str, list[PartitionRows]]) -> dict[str, tuple[int, int]]:
        """{stream: (generation, first number)}; the counter row stays locked, so commit order is sequence order."""
        counts = {s: n for s, parts in streams.items() if (n := sum(len(part.rows) for part in parts))}
        taken: dict[str, tuple[int, int]] = {}
        for stream in sorted(counts):
            stream_id = self._stream_ids[stream]
            found = session.one(
                "SELECT c.generation, c.next_number, t.stop_position FROM stream_counter c "
                "JOIN stream_state t USING (stream_id) WHERE stream_id = %s FOR UPDATE OF c FOR SHARE OF t",
                (stream_id,),
            )
            if found is None:
                raise Halted(f"stream {stream!r} has no counter row: restore the control schema")
            _refuse_past(stops_in(found[2]), streams[stream])
            taken[stream] = (found[0], found[1])
            session.execute(
                "UPDATE stream_counter SET next_number = %s WHERE stream_id = %s",
                (found[1] + counts[stream], stream_id),
            )
        return taken

    def _move_heads(self, session: Session, heads: dict[tuple[str, int], "_Head"]) -> None:
        if not heads:
            return
        values = ", ".join(
            f"ROW({self._stream_ids[stream]}, {lane}, {head.sequence}, {head.rows}, {head.time or 'NULL'})"
            for (stream, lane), head in sorted(heads.items())
        )
        moved = session.execute(
            f"UPDATE lane_head h JOIN (VALUES {values}) AS v (stream_id, lane, head, row_count, head_time) "
            "ON h.stream_id = v.stream_id AND h.lane = v.lane "
            "SET h.head = v.head, h.`rows` = h.`rows` + v.row_count, h.head_time = COALESCE(v.head_time, h.head_time)"
        )
        if moved != len(heads):
            raise Halted(f"{len(heads) - moved} lanes have no head row: restore the control schema")

    def _backlogs(self, heads: dict[tuple[str, int], "_Head"]) -> list[TouchedLane]:
        """Without a lock and after the commit: only how soon to ring depends on it."""
        if not heads:
            return []
        names = {stream_id: stream for stream, stream_id in self._stream_ids.items()}
        lanes = ", ".join(f"({self._stream_ids[stream]}, {lane})" for stream, lane in heads)
        with self._database.transaction() as session:
            rows = session.rows(
                "SELECT h.stream_id, h.lane, h.`rows` - p.n_applied - p.n_superseded - p.n_filtered - p.n_parked "
                "- p.n_rejected FROM lane_head h JOIN lane_progress p USING (stream_id, lane) "
                f"WHERE (h.stream_id, h.lane) IN ({lanes})"
            )
        found = {(names[stream_id], lane): int(backlog) for stream_id, lane, backlog in rows}
        return [
            TouchedLane(stream, lane, head.rows, head.sequence, found.get((stream, lane), head.rows))
            for (stream, lane), head in heads.items()
        ]


@dataclass(slots=True)
class _Head:
    sequence: int
    rows: int
    time: int | None


def _write_rows(
    session: Session,
    stream: str,
    parts: Sequence[PartitionRows],
    generation: int,
    number: int,
    heads: dict[tuple[str, int], _Head],
) -> None:
    first = sequence.pack(generation, number)
    by_lane: dict[int, list[bytes]] = defaultdict(list)
    position = first
    for part in parts:
        source_id = part.source.source_id
        for lane, key, record in part.rows:
            by_lane[lane].append(raw.line(lane, position, source_id, record, key))
            head = heads.get((stream, lane))
            if head is None:
                heads[stream, lane] = _Head(position, 1, record.time)
            else:
                head.sequence = position
                head.rows += 1
                head.time = record.time
            position += 1
    sequence.pack(generation, number + position - first)  # the last number must fit as well
    # In the order of the primary key, so that neighbours of one page are written together.
    raw.insert(session, stream, [line for _, lines in sorted(by_lane.items()) for line in lines])


def _refuse_past(stops: Stops, parts: Sequence[PartitionRows]) -> None:
    """A stop that was set while this was read is looked at here, where nobody can set another before the commit."""
    for part in parts:
        stop = stops.get((part.source.topic, part.source.partition))
        if stop is not None and part.rows and part.rows[-1][2].source_offset >= stop:
            raise StopSet(f"{part.source.topic}[{part.source.partition}] shall stop at {stop}")


def _stream_ids(session: Session, streams: Sequence[str]) -> dict[str, int]:
    marks, names = _marks(streams)
    found = dict(session.rows(f"SELECT name, stream_id FROM stream WHERE name IN ({marks})", names))
    missing = sorted(set(streams) - found.keys())
    if missing:
        raise Halted(f"streams not registered here: {', '.join(missing)}; run `migration schema upgrade`")
    return found


def _marks(values: Iterable[object]) -> tuple[str, list[object]]:
    items = list(values)
    return ", ".join(["%s"] * len(items)), items
