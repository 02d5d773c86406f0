"""The audit's questions to raw rows and outcomes of one stretch of a lane, each bounded by the stretch."""

from dataclasses import dataclass

from db.bulk import quoted
from db.engine import Session
from db.raw import table_of
from migration_core.audit import Fall
from migration_core.sequence import NUMBER_BITS

SAMPLE = 100
"""How many single rows of one kind are named in one look: enough to see what happened."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of a lane with a sequence above `after`, up to `to`; None is without end."""

    stream: str
    lane: int
    after: int
    to: int | None

    @property
    def table(self) -> str:
        """The raw table."""
        return quoted(table_of(self.stream))

    def where(self, alias: str) -> str:
        """The condition on the columns of `alias`."""
        end = "" if self.to is None else f" AND {alias}.sequence <= {self.to}"
        return f"{alias}.lane = {self.lane} AND {alias}.sequence > {self.after}{end}"


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of one source and generation within a stretch."""

    source_id: int
    rows: int
    first_sequence: int
    last_sequence: int
    first_offset: int
    last_offset: int
    falls: int


@dataclass(frozen=True, slots=True)
class SourceRange:
    """The lowest and the highest offset of one source within a stretch."""

    source_id: int
    first_offset: int
    last_offset: int


def spans(session: Session, stretch: Stretch, rows: int) -> list[Span]:
    """The first `rows` rows of a stretch by source, in order of their generations."""
    found = session.rows(
        f"WITH {_steps(stretch, rows)} SELECT source_id, COUNT(*), MIN(sequence), MAX(sequence), "
        f"COALESCE(SUM(source_offset <= previous), 0) FROM step GROUP BY source_id, sequence >> {NUMBER_BITS} "
        "ORDER BY MIN(sequence)"
    )
    if not found:
        return []
    ends = ", ".join(str(sequence) for row in found for sequence in row[2:4])
    offsets = dict(
        session.rows(
            f"SELECT r.sequence, r.source_offset FROM {stretch.table} r "
            f"WHERE r.lane = {stretch.lane} AND r.sequence IN ({ends})"
        )
    )
    return [
        Span(source, count, first, last, offsets[first], offsets[last], int(falls))
        for source, count, first, last, falls in found
    ]


def falls(session: Session, stretch: Stretch) -> list[Fall]:
    """The rows of a stretch whose offset is not above that of the row before them."""
    rows = session.rows(
        f"WITH {_steps(stretch, None)} SELECT sequence, source_id, previous, source_offset FROM step "
        f"WHERE source_offset <= previous ORDER BY sequence LIMIT {SAMPLE}"
    )
    return [Fall(*row) for row in rows]


def outcomes_without_row(session: Session, stream_id: int, stretch: Stretch, *, beyond: bool) -> list[tuple[int, int]]:
    """(sequence, source id) of outcomes in a stretch whose row is not in raw; `beyond` takes those behind it too.

    Behind the watermark no row has an outcome yet, so there each one stands without its row.
    """
    reach = Stretch(stretch.stream, stretch.lane, stretch.after, None if beyond else stretch.to)
    return [
        (sequence, source)
        for sequence, source in session.rows(
            f"SELECT o.sequence, o.source_id FROM row_outcome o LEFT JOIN {stretch.table} r "
            f"ON r.lane = o.lane AND r.sequence = o.sequence WHERE o.stream_id = %s AND {reach.where('o')} "
            f"AND (r.lane IS NULL OR o.sequence > {stretch.to}) ORDER BY o.sequence LIMIT {SAMPLE}",
            (stream_id,),
        )
    ]


def count_of(stretch: Stretch, limit: int) -> str:
    """The query that counts the rows of a stretch, up to `limit` of them."""
    return f"SELECT COUNT(*) FROM (SELECT 1 FROM {stretch.table} r WHERE {stretch.where('r')} LIMIT {limit}) few"


def ranges(session: Session, stretch: Stretch) -> list[SourceRange]:
    """Which offsets of which sources a stretch holds; the first hundred sources."""
    rows = session.rows(
        f"SELECT r.source_id, MIN(r.source_offset), MAX(r.source_offset) FROM {stretch.table} r "
        f"WHERE {stretch.where('r')} GROUP BY r.source_id ORDER BY r.source_id LIMIT {SAMPLE}"
    )
    return [SourceRange(*row) for row in rows]


def _steps(stretch: Stretch, rows: int | None) -> str:
    limit = "" if rows is None else f" ORDER BY r.sequence LIMIT {rows}"
    return (
        f"part AS (SELECT r.sequence, r.source_id, r.source_offset FROM {stretch.table} r "
        f"WHERE {stretch.where('r')}{limit}), step AS (SELECT sequence, source_id, source_offset, "
        f"LAG(source_offset) OVER (PARTITION BY source_id, sequence >> {NUMBER_BITS} ORDER BY sequence) AS previous "
        "FROM part)"
    )
