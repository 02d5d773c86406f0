"""Raw rows as the verifier folds them: keys of a lane by sequence, and the rows of chosen sequences."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from db import raw
from db.bulk import quoted
from db.engine import Session
from db.lanes import NO_MAPPING
from db.sources import held_by_reload
from migration_core.records import RawRow

_PAGE = 20_000
WHOLE = (0, (1 << 64) - 1)
"""The hashes of all keys."""

LaneState = tuple[int, int | None]
"""(watermark, how often rows behind it became something else); None while the lane's tables are swapped."""
KeyRow = tuple[int, bytes | None]
"""(sequence, key)."""


@dataclass(frozen=True, slots=True)
class LaneSlice:
    """The keys of one lane whose hash lies in a range, both ends within."""

    stream: str
    stream_id: int
    lane: int
    hashes: tuple[int, int] = WHOLE


def watermark(session: Session, part: LaneSlice) -> int:
    """The lane's watermark as this session sees it."""
    found = session.one(
        "SELECT applied FROM lane_progress WHERE stream_id = %s AND lane = %s", (part.stream_id, part.lane)
    )
    return int(found[0]) if found else 0


def watermarks(session: Session, stream_id: int) -> dict[int, int]:
    """{lane: watermark} of a stream."""
    return dict(session.rows("SELECT lane, applied FROM lane_progress WHERE stream_id = %s", (stream_id,)))


def settled(session: Session, stream_id: int) -> dict[int, int]:
    """{lane: how often rows behind the watermark became something else}, tables that were swapped included."""
    return dict(session.rows("SELECT lane, settled FROM lane_progress WHERE stream_id = %s", (stream_id,)))


def lane_states(session: Session) -> dict[str, dict[int, LaneState]]:
    """{stream: {lane: state}} of every registered stream, as far as it has rows."""
    found: dict[str, dict[int, LaneState]] = {}
    for stream, lane, applied, settled in session.rows(
        "SELECT s.name, p.lane, p.applied, IF(p.mapping_hash = %s, NULL, p.settled) FROM stream s "
        "JOIN lane_head h USING (stream_id) JOIN lane_progress p USING (stream_id, lane) WHERE h.`rows` > 0",
        (NO_MAPPING,),
    ):
        found.setdefault(stream, {})[lane] = (applied, settled)
    return found


def key_at(session: Session, part: LaneSlice, place: int) -> bytes | None:
    """The key of the row at a place among all rows of the lane, counted from 0."""
    found = session.one(
        f"SELECT entity_key FROM {quoted(raw.table_of(part.stream))} WHERE lane = %s AND entity_key IS NOT NULL "
        "ORDER BY sequence LIMIT 1 OFFSET %s",
        (part.lane, place),
    )
    return found[0] if found else None


def key_pages(
    session: Session, part: LaneSlice, after: int, up_to: int
) -> Iterator[tuple[list[KeyRow], frozenset[int], int]]:
    """The keys of all rows of a slice in sequence, page by page.

    With each page come the sequences that have an outcome now, and the last sequence that it covers. Rows that a reload
    superseded are none of any key's.
    """
    bound = "" if part.hashes == WHOLE else f"AND key_hash BETWEEN {part.hashes[0]} AND {part.hashes[1]} "
    while after < up_to:
        found = session.connection.text_rows(
            f"SELECT sequence, entity_key FROM {quoted(raw.table_of(part.stream))} r WHERE lane = {part.lane} "
            f"AND sequence > {after} AND sequence <= {up_to} {bound}AND NOT {held_by_reload(part.stream_id, 'r')} "
            f"ORDER BY sequence LIMIT {_PAGE}"
        )
        last = up_to if len(found) < _PAGE else int(found[-1][0])
        yield [(int(sequence), key) for sequence, key in found], _outcomes(session, part, after, last), last
        after = last


def row_page(
    session: Session, part: LaneSlice, after: int, up_to: int, *, rows: int, size: int
) -> tuple[list[RawRow], frozenset[int], int]:
    """One page of a whole lane with the rows themselves, of at most about `size` bytes; those of a reload too."""
    found, more = raw.read(session, part.stream, part.lane, after, up_to, rows=rows, size=size)
    last = found[-1].sequence if more else up_to
    return found, _outcomes(session, part, after, last), last


def outcomes_of(session: Session, part: LaneSlice, hashes: Collection[int]) -> frozenset[int]:
    """The sequences of rows of these keys (and of any that share their hashes) that are rejected or parked."""
    if not hashes:
        return frozenset()
    rows = session.rows(
        f"SELECT sequence FROM row_outcome WHERE stream_id = %s AND lane = %s "
        f"AND key_hash IN ({', '.join(map(str, hashes))})",
        (part.stream_id, part.lane),
    )
    return frozenset(sequence for (sequence,) in rows)


def rows_at(
    session: Session, part: LaneSlice, sequences: Sequence[int], *, size: int, dense: bool
) -> tuple[list[RawRow], bool]:
    """The rows at `sequences`, which rise, as far as `size` bytes allow, yet one at least; whether some are left.

    `dense` says that few others lie between them: then reading all is quicker than looking each up.
    """
    read = raw.read_among if dense else raw.read_these
    return read(session, part.stream, part.lane, sequences, size=size)


def _outcomes(session: Session, part: LaneSlice, after: int, up_to: int) -> frozenset[int]:
    rows = session.rows(
        "SELECT sequence FROM row_outcome WHERE stream_id = %s AND lane = %s AND sequence > %s AND sequence <= %s",
        (part.stream_id, part.lane, after, up_to),
    )
    return frozenset(sequence for (sequence,) in rows)
