"""What every record format offers to a stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from migration_core.records import Change, Op

Path = tuple[str, ...]
"""The names that lead to a member, from the outside."""


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """What a mapping says of its stream's records."""

    partial: bool = False
    op_path: Path | None = None
    ops: Mapping[str, Op] = field(default_factory=dict)
    """The words at `op_path`, and what each asks for."""
    document: Path = ()
    """Where in the record the document stands."""
    longest: int = 8 << 20
    """Bytes of a record."""


class RecordFormat(Protocol):
    """Reads one record's value; the record key is no business of a format."""

    def decode(self, value: bytes) -> Change:
        """What the record asks for; Rejected when it cannot be read."""

    def documents(self) -> tuple[Path, ...]:
        """The places where a document may stand, the most telling first: a key is looked for there."""
