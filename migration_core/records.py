"""The values that travel between the programs: positions, raw rows and decoded changes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class RawRow(NamedTuple):
    """One row of `raw_<stream>` as a worker reads it; bytes exactly as received."""

    sequence: int
    source_id: int
    source_offset: int
    entity_key: bytes | None
    record_key: bytes | None
    value: bytes | None
    time: int | None
    """Milliseconds since the epoch as Kafka says, or None; never used for order."""
    flags: int


class Flag:
    """Bits of `raw_<stream>.flags`."""

    SYNTHETIC_DELETE = 1
    """Written by a reload's sweep: no bytes were ever received for it."""
    MALFORMED_LINE = 2
    """A snapshot line that does not follow its container: the value holds the whole line."""


class Received(NamedTuple):
    """One record as it came from a topic or a snapshot part, before it has a lane or a sequence."""

    source_offset: int
    record_key: bytes | None
    value: bytes | None
    headers: bytes | None
    time: int | None
    time_type: int


class Op(StrEnum):
    """What a record asks for."""

    IMAGE = "image"
    """The whole document; what the entity had before is replaced."""
    MERGE = "merge"
    """A JSON merge patch (RFC 7396): null removes, lists are whole."""
    DELETE = "delete"


class Change(NamedTuple):
    """One decoded record: what to do, and the document (None for a delete without a body)."""

    op: Op
    document: Mapping[str, object] | None


class Position(NamedTuple):
    """Where a record came from, for columns that map it and for messages."""

    topic: str
    """The topic, or the file name of a snapshot part."""
    partition: int
    """The partition, or the number of the part."""
    offset: int
    """The offset, or the line."""
