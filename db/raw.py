"""Raw tables: one a stream, the truth of what was received, written in bulk and read in sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.bulk import Bulk, escaped, quoted, write
from db.engine import Session
from db.text_rows import Row
from migration_core.errors import Halted
from migration_core.lane import key_hash
from migration_core.records import RawRow, Received

COLUMNS = (
    "lane",
    "sequence",
    "source_id",
    "source_offset",
    "entity_key",
    "key_hash",
    "record_key",
    "value",
    "headers",
    "time",
    "time_type",
    "flags",
)
LARGE_VALUE = 16 * 1024
"""Values above this are fetched one by one, so that a batch of them stays within its byte bound."""
_NULL = b"\\N"
_HEAD_ROWS = 50
"""Of each lane when several are read at once: enough for a lane that keeps up."""
_LARGE = 1 << 8
"""A bit above those of `flags`: the value was too large to come along, and its length came instead."""
_new = tuple.__new__
"""A NamedTuple's own constructor takes twice as long."""


def table_of(stream: str) -> str:
    """The raw table's name."""
    return f"raw_{stream}"


def definition(stream: str) -> str:
    """The one definition of every raw table; no secondary index, since each would cost every insert."""
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(table_of(stream))} ("
        "lane SMALLINT UNSIGNED NOT NULL, sequence BIGINT NOT NULL, source_id INT UNSIGNED NOT NULL, "
        "source_offset BIGINT NOT NULL, entity_key VARBINARY(512) NULL, key_hash BIGINT UNSIGNED NOT NULL, "
        "record_key LONGBLOB NULL, value LONGBLOB NULL, headers MEDIUMBLOB NULL, time BIGINT NULL, "
        "time_type TINYINT NOT NULL, flags TINYINT UNSIGNED NOT NULL, PRIMARY KEY (lane, sequence)) "
        "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin"
    )


def line(
    lane: int,
    sequence: int,
    source_id: int,
    record: Received,
    key: bytes | None,
    flags: int = 0,
    *,
    hashed: int | None = None,
) -> bytes:
    """One raw row as a LOAD DATA line; the bytes of the record are kept unchanged.

    `hashed` is the key's hash, where the caller has it already.
    """
    offset, record_key, value, headers, time, time_type = record
    if hashed is None:
        hashed = 0 if key is None else key_hash(key)
    return b"%d\t%d\t%d\t%d\t%b\t%d\t%b\t%b\t%b\t%b\t%d\t%d\n" % (
        lane,
        sequence,
        source_id,
        offset,
        _NULL if key is None else escaped(key),
        hashed,
        _NULL if record_key is None else escaped(record_key),
        _NULL if value is None else escaped(value),
        _NULL if headers is None else escaped(headers),
        _NULL if time is None else b"%d" % time,
        time_type,
        flags,
    )


def value_line(lane: int, sequence: int, source_id: int, offset: int, value: bytes, key: bytes, hashed: int) -> bytes:
    """What `line` makes of a record that is a value alone: a third of the time, which snapshots of millions feel."""
    return b"%d\t%d\t%d\t%d\t%b\t%d\t\\N\t%b\t\\N\t\\N\t0\t0\n" % (
        lane,
        sequence,
        source_id,
        offset,
        escaped(key),
        hashed,
        escaped(value),
    )


def insert(session: Session, stream: str, lines: Sequence[bytes]) -> None:
    """Insert rows made by `line`; anything but all of them, unchanged, is an error and never IGNOREd."""
    write(session.connection, Bulk(quoted(table_of(stream)), COLUMNS, binary=True), lines)


@dataclass(frozen=True, slots=True)
class Span:
    """What is open of one lane: sequences above `after`, up to `up_to`."""

    lane: int
    after: int
    up_to: int


def read(
    session: Session, stream: str, lane: int, after: int, up_to: int, *, rows: int, size: int
) -> tuple[list[RawRow], bool]:
    """The next rows of a lane in sequence, and whether there may be more.

    At most `rows`, and at most `size` bytes of values, yet at least one.
    """
    found = session.connection.text_rows(_select(stream, Span(lane, after, up_to), rows))
    return _within(session, stream, lane, found, rows, size)


def read_these(
    session: Session, stream: str, lane: int, sequences: Sequence[int], *, size: int
) -> tuple[list[RawRow], bool]:
    """These rows of a lane in sequence, at most `size` bytes of values yet at least one; whether there may be more."""
    if not sequences:
        return [], False
    found = session.connection.text_rows(_select_at(stream, lane, sequences))
    return _all_of(session, stream, lane, sequences, found, size)


def read_among(
    session: Session, stream: str, lane: int, sequences: Sequence[int], *, size: int
) -> tuple[list[RawRow], bool]:
    """The same for sequences that rise and lie close together: rows between are read too, and dropped."""
    span = Span(lane, sequences[0] - 1, sequences[-1])
    wanted = set(sequences)
    found = [row for row in session.connection.text_rows(_select(stream, span)) if int(row[0]) in wanted]
    return _all_of(session, stream, lane, sequences, found, size)


def read_lanes(
    session: Session, stream: str, spans: Sequence[Span], *, rows: int, size: int
) -> list[tuple[list[RawRow], bool]]:
    """The same for each of several lanes in turn, all of them together within `rows` and `size`.

    Lanes with little to do, the usual case of many at once, cost one question for all.
    """
    heads = _heads(session, stream, spans) if len(spans) > 1 else {}
    answers: list[tuple[list[RawRow], bool]] = []
    for span in spans:
        if rows <= 0 or size <= 0:
            answers.append(([], True))
            continue
        head = heads.get(span.lane, [])
        if len(spans) > 1 and len(head) < min(_HEAD_ROWS, rows):
            batch, more = _within(session, stream, span.lane, head, _HEAD_ROWS, size)
        else:
            batch, more = read(session, stream, span.lane, span.after, span.up_to, rows=rows, size=size)
        rows -= len(batch)
        size -= sum(len(row.value) for row in batch if row.value)
        answers.append((batch, more))
    return answers


def _heads(session: Session, stream: str, spans: Sequence[Span]) -> dict[int, list[Row]]:
    """{lane: its next rows, _HEAD_ROWS at most}."""
    parts = (f"({_select(stream, span, _HEAD_ROWS, f', {span.lane}')})" for span in spans)
    heads: dict[int, list[Row]] = {}
    for *row, lane in session.connection.text_rows(" UNION ALL ".join(parts)):
        heads.setdefault(int(lane), []).append(row)
    for found in heads.values():
        found.sort(key=_sequence)  # SQL promises no order across a UNION
    return heads


def _sequence(row: Row) -> int:
    return int(row[0])


def _select(stream: str, span: Span, rows: int | None = None, also: str = "") -> str:
    where = f"lane = {span.lane} AND sequence > {span.after} AND sequence <= {span.up_to}"
    return f"{_columns(stream, also)} WHERE {where} ORDER BY sequence{'' if rows is None else f' LIMIT {rows}'}"


def _select_at(stream: str, lane: int, wanted: Sequence[int]) -> str:
    return f"{_columns(stream)} WHERE lane = {lane} AND sequence IN ({', '.join(map(str, wanted))}) ORDER BY sequence"


def _columns(stream: str, also: str = "") -> str:
    return (
        "SELECT sequence, source_id, source_offset, entity_key, record_key, "
        f"IF(LENGTH(value) > {LARGE_VALUE}, LENGTH(value), value), time, "
        f"flags | IF(LENGTH(value) > {LARGE_VALUE}, {_LARGE}, 0){also} FROM {quoted(table_of(stream))}"
    )


def _all_of(
    session: Session, stream: str, lane: int, sequences: Sequence[int], found: Sequence[Row], size: int
) -> tuple[list[RawRow], bool]:
    """What was found of `sequences`, within `size`; Halted where rows are gone that must be there."""
    if len(found) != len(sequences):
        raise Halted(f"{len(sequences) - len(found)} rows of lane {lane} are not in {table_of(stream)}: restore them")
    batch, _ = _within(session, stream, lane, found, len(sequences), size)
    return batch, len(batch) < len(found)


def _within(
    session: Session, stream: str, lane: int, found: Sequence[Row], rows: int, size: int
) -> tuple[list[RawRow], bool]:
    """The rows among `found` that `size` allows, and whether there may be more; `rows` is what was asked for."""
    batch: list[RawRow] = []
    total = 0
    for sequence, source_id, offset, key, record_key, value, time, flags in found:
        bits = int(flags)
        if value is not None:
            total += len(value) if bits < _LARGE else int(value)
            if batch and total > size:
                return batch, True
            if bits >= _LARGE:
                value = _value(session, stream, lane, int(sequence))  # noqa: PLW2901 - only its length came along
                bits -= _LARGE
        row = (int(sequence), int(source_id), int(offset), key, record_key, value, int(time) if time else None, bits)
        batch.append(_new(RawRow, row))
    return batch, len(found) == rows


def sequences(session: Session, stream: str, lane: int, after: int, up_to: int, *, rows: int) -> list[int]:
    """The sequences of the next rows of a lane."""
    found = session.rows(
        f"SELECT sequence FROM {quoted(table_of(stream))} WHERE lane = %s AND sequence > %s AND sequence <= %s "
        "ORDER BY sequence LIMIT %s",
        (lane, after, up_to, rows),
    )
    return [sequence for (sequence,) in found]


def _value(session: Session, stream: str, lane: int, sequence: int) -> bytes:
    found = session.one(
        f"SELECT value FROM {quoted(table_of(stream))} WHERE lane = %s AND sequence = %s", (lane, sequence)
    )
    if found is None:
        raise LookupError(f"{table_of(stream)}: row {sequence} of lane {lane} vanished while it was read")
    return bytes(found[0])
