"""A compiled mapping: what worker, verifier and preflight share of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from migration_core.errors import Rejected
from migration_core.formats import RecordFormat
from migration_core.key import KEY_VERSION, KeyPart, parts_of
from migration_core.mapping.keys import KeyReader
from migration_core.mapping.kinds import Kind, WriteMode
from migration_core.records import Change, Flag, Op, Position

Rows = tuple[list[tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """One processed table of one stream; rows are tuples in the order of `columns`."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    key_columns: tuple[str, ...]
    """The primary key."""
    entity_columns: tuple[str, ...]
    """The columns that hold the entity's key: the first ones of the primary key."""
    child: bool
    """Whether an entity has any number of rows here, instead of one."""
    mode: WriteMode
    public: frozenset[str] = frozenset()
    """Columns whose values may be shown."""
    sourced: frozenset[str] = frozenset()
    """Columns that say where a record came from, and nothing of what it says."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """Documents, or elements of a list in them, counted or summed, as one value or by a member; and the same in SQL."""

    name: str
    sql: str
    each: tuple[str, ...] | None
    by: tuple[str, ...] | None
    sum: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CompiledStream:
    """One stream: from bytes to rows, by functions made once."""

    name: str
    topics: tuple[str, ...]
    lanes: int
    partial: bool
    format: str
    tables: tuple[CompiledTable, ...]
    keys: KeyReader
    reader: RecordFormat
    transform: Callable[[Mapping[str, object], Position, int | None, int], Rows | None]
    hash: str = ""
    """SHA-256 of what the file says of this stream."""
    validates_newest_only: bool = False
    assertions: tuple[Assertion, ...] = ()
    leave_out: Callable[[Any], bool] | None = None
    """The filter, which `transform` applies by itself."""
    left: Callable[[Mapping[str, object]], Collection[str]] = lambda _document: ()
    """The paths of a document that no column takes."""
    key_version: int = KEY_VERSION

    @property
    def key_of(self) -> Callable[[bytes | None, bytes | None], bytes]:
        """(record key, value) -> canonical key; Rejected at stage "key"."""
        return self.keys.key_of

    def decode(self, record_key: bytes | None, value: bytes | None, flags: int = 0) -> Change:  # noqa: ARG002 - a format may need the record key
        """What the record asks for; Rejected at stage "decode"."""
        if value is None:
            if flags & Flag.SYNTHETIC_DELETE or self.keys.from_record_key:
                return Change(Op.DELETE, None)
            raise Rejected("TOMBSTONE_WITHOUT_KEY", detail="a tombstone, but the mapping names no record_key")
        return self.reader.decode(value)

    def check_key(self, entity_key: bytes, document: Mapping[str, object]) -> None:
        """Raise KEY_MISMATCH when the document names another entity than the record key does."""
        self.keys.check(entity_key, document)

    def key_columns_of(self, entity_key: bytes) -> tuple[KeyPart, ...]:
        """The values of `entity_columns` for a key."""
        return parts_of(entity_key)

    def rows(self, document: Mapping[str, object], position: Position, time: int | None, sequence: int) -> Rows | None:
        """Per table the rows of a document; None when the filter leaves it out. Rejected at stage "transform"."""
        return self.transform(document, position, time, sequence)


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """All streams of one file."""

    target_schema: str
    hash: str
    """SHA-256 of the file's content, in hexadecimal."""
    streams: Mapping[str, CompiledStream]

    @property
    def table_names(self) -> tuple[str, ...]:
        """All processed tables that it fills."""
        return tuple(sorted({table.name for stream in self.streams.values() for table in stream.tables}))
