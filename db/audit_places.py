"""Where a remainder lies, in words that people can look up: topics, parts, offsets and lines."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import pymysql

from db import audit_rows
from db.audit import Look
from db.audit_rows import SAMPLE, Stretch
from db.bulk import quoted
from db.engine import Database, Session
from db.errno import LOOK_TIMEOUT
from db.failure import sql_error
from db.raw import table_of
from migration_core.audit import Fall, Gap, Kind, LaneRemainder, Numbered, Place, gap_at_the_end, gaps
from migration_core.outcome import Outcome
from migration_core.sequence import pack

_ROWS_A_LANE = 1000
_SECONDS = 10

T = TypeVar("T")
Names = dict[int, tuple[str, int]]


def remainders_of(database: Database, look: Look, located: Sequence[LaneRemainder]) -> list[LaneRemainder]:
    """Everything that `look` found, with its places, and the rows and outcomes that explain it."""
    if not (look.differences or look.falls or look.orphans):
        return []
    with database.snapshot(_SECONDS) as session:
        stretch = Stretch(look.lane.stream, look.lane.lane, look.agreed, look.head)
        span = _if_in_time(lambda: audit_rows.ranges(session, stretch))
        sources = {one.source_id for one in span} | {fall.source_id for fall in look.falls}
        sources |= {source for _, source in look.orphans}
        names = _names(session, sources)
        offsets = _offsets(session, look, look.orphans)
    places = tuple(_place(names, one.source_id, one.first_offset, one.last_offset) for one in span)
    return [
        *(_of_the_lane(look, kind, rows, places) for kind, rows in look.differences.items()),
        *located,
        *(_of_an_outcome(Kind.OUTCOME_WITHOUT_ROW, one, names, offsets) for one in look.orphans),
        *(_of_a_fall(fall, names) for fall in look.falls),
    ]


def locate(database: Database, look: Look, *, beat: Callable[[], None] = lambda: None) -> list[LaneRemainder]:
    """The single rows and outcomes that make the counters of a lane lie; a search over all that was not agreed on."""
    found_gaps = _missing_rows(database, look, beat) if _misses_rows(look) else []
    with database.snapshot(_SECONDS) as session:
        odd = look.differences.keys() & {Kind.PARKED, Kind.REJECTED}
        unexplained = _if_in_time(lambda: _unexplained(session, look)) if odd else []
        beside = {row.source_id for gap in found_gaps for row in (gap.before, gap.after) if row is not None}
        names = _names(session, beside | {source for _, source in unexplained})
        offsets = _offsets(session, look, unexplained)
    return [
        *(_of_a_gap(gap, names) for gap in found_gaps),
        *(_of_an_outcome(Kind.OUTCOME_UNEXPLAINED, one, names, offsets) for one in unexplained),
    ]


def _if_in_time(ask: Callable[[], list[T]]) -> list[T]:
    """What `ask` finds; nothing when a lane is too long for it: a remainder without its places is still told."""
    try:
        return ask()
    except pymysql.MySQLError as error:
        meaning = sql_error(error)
        if meaning is None or meaning.errno != LOOK_TIMEOUT:
            raise
        return []


def _misses_rows(look: Look) -> bool:
    return any(look.differences.get(kind, 0) < 0 for kind in (Kind.RECEIVED, Kind.DONE))


_SAYS = {
    Kind.RECEIVED: "raw rows, against what the lane head counts",
    Kind.DONE: "raw rows at or below the watermark, against the five counts",
    Kind.PARKED: "parked outcomes, against the count",
    Kind.REJECTED: "rejected outcomes, against the count",
    Kind.PARKED_KEYS: "parked keys, against the count",
}


def _of_the_lane(look: Look, kind: Kind, rows: int, places: tuple[Place, ...]) -> LaneRemainder:
    end = look.head if kind is Kind.RECEIVED else look.to
    return LaneRemainder(kind, rows, look.agreed, max(end, look.agreed), f"{rows:+d} {_SAYS[kind]}", places)


def _of_a_gap(gap: Gap, names: Names) -> LaneRemainder:
    detail = f"no lane of the stream has a row here: {gap.rows:,} missing"
    between = tuple(
        _place(names, row.source_id, row.offset, row.offset) for row in (gap.before, gap.after) if row is not None
    )
    if gap.before and gap.after and gap.before.source_id == gap.after.source_id:
        between = (_place(names, gap.before.source_id, gap.before.offset, gap.after.offset),)
    return LaneRemainder(Kind.ROW_MISSING, -gap.rows, gap.from_sequence - 1, gap.to_sequence, detail, between)


def _of_an_outcome(kind: Kind, one: tuple[int, int], names: Names, offsets: dict[int, int]) -> LaneRemainder:
    sequence, source_id = one
    offset = offsets.get(sequence)
    without = kind is Kind.OUTCOME_WITHOUT_ROW
    detail = "an outcome whose raw row is not there" if without else "an outcome that no reject and no park explains"
    place = _place(names, source_id, offset, offset)
    return LaneRemainder(kind, -1 if without else 1, sequence - 1, sequence, detail, (place,))


def _of_a_fall(fall: Fall, names: Names) -> LaneRemainder:
    detail = f"offset {fall.offset} stands behind offset {fall.before}"
    place = _place(names, fall.source_id, fall.offset, fall.before)
    return LaneRemainder(Kind.OFFSET_ORDER, 0, fall.sequence - 1, fall.sequence, detail, (place,))


def _place(names: Names, source_id: int, first: int | None, last: int | None) -> Place:
    source, partition = names.get(source_id, (f"source {source_id}", 0))
    return Place(source, partition, first, last)


def _names(session: Session, sources: Collection[int]) -> Names:
    if not sources:
        return {}
    marks = ", ".join(map(str, sorted(sources)))
    rows = session.rows(
        f"SELECT source_id, topic, kafka_partition FROM source_offset WHERE source_id IN ({marks}) "
        f"UNION ALL SELECT source_id, file, part FROM snapshot_part WHERE source_id IN ({marks})"
    )
    return {source_id: (name, number) for source_id, name, number in rows}


def _offsets(session: Session, look: Look, outcomes: Collection[tuple[int, int]]) -> dict[int, int]:
    """The offset of each of these outcomes, from its raw row or else from its reject."""
    if not outcomes:
        return {}
    marks = ", ".join(str(sequence) for sequence, _ in outcomes)
    table = quoted(table_of(look.lane.stream))
    return dict(
        session.rows(
            f"SELECT sequence, source_offset FROM reject WHERE stream_id = %s AND lane = %s AND sequence IN ({marks}) "
            f"UNION SELECT sequence, source_offset FROM {table} WHERE lane = %s AND sequence IN ({marks})",
            (look.lane.stream_id, look.lane.lane, look.lane.lane),
        )
    )


def _unexplained(session: Session, look: Look) -> list[tuple[int, int]]:
    """Outcomes of the lane that are neither of a kept reject nor of a key that is parked now."""
    table = quoted(table_of(look.lane.stream))
    rows = session.rows(
        f"SELECT o.sequence, o.source_id FROM row_outcome o JOIN {table} r "
        "ON r.lane = o.lane AND r.sequence = o.sequence "
        "LEFT JOIN reject j ON j.stream_id = o.stream_id AND j.lane = o.lane AND j.sequence = o.sequence "
        "LEFT JOIN parked_key k ON k.stream_id = o.stream_id AND k.lane = o.lane AND k.entity_key = r.entity_key "
        f"WHERE o.stream_id = %s AND o.lane = %s AND NOT (o.outcome = {int(Outcome.REJECTED)} AND j.lane IS NOT NULL) "
        f"AND NOT (o.outcome = {int(Outcome.PARKED)} AND k.lane IS NOT NULL) ORDER BY o.sequence LIMIT {SAMPLE}",
        (look.lane.stream_id, look.lane.lane),
    )
    return [(sequence, source) for sequence, source in rows]


def _missing_rows(database: Database, look: Look, beat: Callable[[], None]) -> list[Gap]:
    """Sequences that no lane of the stream has, from where the lane last agreed to its head."""
    stream, end = look.lane.stream, look.head
    with database.snapshot(_SECONDS) as session:
        lanes, start = _bounds(session, look)
        parts = dict(
            session.rows(
                "SELECT p.source_id, p.`rows` FROM snapshot_part p JOIN snapshot s USING (snapshot_id) "
                "WHERE s.stream_id = %s",
                (look.lane.stream_id,),
            )
        )
        last = _last_before(session, stream, lanes, start)
    found: list[Gap] = []
    known = last is not None or start == 0
    while len(found) < SAMPLE:
        beat()
        with database.snapshot(_SECONDS) as session:
            rows, done = _next_rows(session, stream, lanes, start)
            counter = session.one(
                "SELECT generation, next_number FROM stream_counter WHERE stream_id = %s", (look.lane.stream_id,)
            )
        if rows:
            found += gaps(last if known else rows[0], rows, parts)
            last, known, start = rows[-1], True, rows[-1].sequence
        if done and last is not None and counter is not None:
            found += gap_at_the_end(last, pack(*counter), parts)
        if done or start > end:
            break
    return found[:SAMPLE]


def _bounds(session: Session, look: Look) -> tuple[int, int]:
    """How many lanes the stream has, and the sequence behind which none of them was purged."""
    row = session.one(
        "SELECT s.lanes, GREATEST(%s, COALESCE(MAX(a.purged_to), 0)) FROM stream s LEFT JOIN lane_audit a "
        "USING (stream_id) WHERE s.stream_id = %s GROUP BY s.lanes",
        (look.agreed, look.lane.stream_id),
    )
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _last_before(session: Session, stream: str, lanes: int, sequence: int) -> Numbered | None:
    """The newest row of any lane at or below `sequence`."""
    one = (
        f"(SELECT sequence, source_id, source_offset FROM {quoted(table_of(stream))} WHERE lane = {{}} "
        f"AND sequence <= {sequence} ORDER BY sequence DESC LIMIT 1)"
    )
    rows = session.rows(" UNION ALL ".join(one.format(lane) for lane in range(lanes)))
    return max((Numbered(*row) for row in rows), key=lambda row: row.sequence, default=None)


def _next_rows(session: Session, stream: str, lanes: int, after: int) -> tuple[list[Numbered], bool]:
    """Rows of all lanes in sequence, as far as every lane was read, and whether that is the end."""
    by_lane: dict[int, list[Numbered]] = {}
    one = (
        f"(SELECT sequence, source_id, source_offset, lane FROM {quoted(table_of(stream))} WHERE lane = {{}} "
        f"AND sequence > {after} ORDER BY sequence LIMIT {_ROWS_A_LANE})"
    )
    for *row, lane in session.rows(" UNION ALL ".join(one.format(lane) for lane in range(lanes))):
        by_lane.setdefault(lane, []).append(Numbered(*row))
    full = [max(_sequences(rows)) for rows in by_lane.values() if len(rows) == _ROWS_A_LANE]
    horizon = min(full, default=None)
    rows = sorted((row for rows in by_lane.values() for row in rows), key=lambda row: row.sequence)
    return [row for row in rows if horizon is None or row.sequence <= horizon], horizon is None


def _sequences(rows: Iterable[Numbered]) -> Iterable[int]:
    return (row.sequence for row in rows)
