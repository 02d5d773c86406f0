"""One entity as the legacy platform told it and as the processed tables hold it, side by side for human eyes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from db import verify_raw
from db.engine import Database
from db.sources import SourceBook
from db.verify_raw import LaneSlice
from migration_core.errors import ConfigError
from migration_core.folding import refold
from migration_core.key import KeyPart, canonical, parts_of
from migration_core.lane import key_hash, lane_of
from migration_core.mapping import Kind
from migration_verifier.verify_fold import LaneFold, StreamCheck

_SECONDS = 50
"""A lane of any size is read for one key."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What stands on both sides at one moment."""

    stream: str
    key: tuple[KeyPart, ...]
    sequence: int | None
    """Of the last row that stands; None where the key never occurred, or nothing of it stands."""
    document: Mapping[str, object] | None
    rows: Mapping[str, Sequence[Mapping[str, str | None]]]
    """{table: rows}."""


def key_of_words(check: StreamCheck, words: Sequence[str]) -> bytes:
    """The key that a person wrote, one word a part."""
    table = check.tables[0].table
    kinds = [table.kinds[table.columns.index(name)] for name in table.entity_columns]
    if len(words) != len(kinds):
        raise ConfigError(f"the key has {len(kinds)} parts ({', '.join(table.entity_columns)}), not {len(words)}")
    try:
        return canonical([int(word) if kind is Kind.INT else word for word, kind in zip(words, kinds, strict=True)])
    except ValueError as error:
        raise ConfigError(f"a part of the key is a whole number: {error}") from error


def random_keys(database: Database, check: StreamCheck, count: int, dice: Random) -> Iterator[bytes]:
    """Keys of rows drawn by chance, fewer where the stream has fewer."""
    name = check.stream.name
    with database.transaction() as session:
        lanes = session.rows("SELECT lane, `rows` FROM lane_head WHERE stream_id = %s", (check.stream_id,))
        found: set[bytes] = set()
        for _ in range(3 * count):  # a draw may meet a key twice, or a row without one
            (lane,) = dice.choices([lane for lane, _ in lanes], [rows + 1e-9 for _, rows in lanes])
            place = dice.randrange(max(1, int(dict(lanes)[lane])))
            key = verify_raw.key_at(session, LaneSlice(name, check.stream_id, lane), place)
            if key is not None and key not in found and len(found) < count:
                found.add(key)
                yield key


def side_by_side(database: Database, check: StreamCheck, key: bytes) -> SideBySide:
    """Document and rows of one key."""
    stream, hashed = check.stream, key_hash(key)
    part = LaneSlice(stream.name, check.stream_id, lane_of(key, stream.lanes), (hashed, hashed))
    fold = LaneFold(check, part, SourceBook())
    with database.snapshot(_SECONDS) as session:
        fold.take_in(session)
        rows = fold.rows(session, [key]) if key in fold.standing else iter(())
        found = refold(stream, rows, fold.context, partial=stream.partial)
        tables = {
            table.table.name: [
                dict(zip(table.table.columns, texts, strict=True)) for texts in table.texts_of(session, [parts_of(key)])
            ]
            for table in check.tables
        }
    last, document = found.documents.get(key, (None, None))
    return SideBySide(stream.name, parts_of(key), last.sequence if last else None, document, tables)
