"""What an example offers to the replay and to the tests, whatever its data are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the legacy platform has it."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


class SourceRecord(NamedTuple):
    """One record that the legacy platform publishes."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    time: int
    """Milliseconds since the epoch."""


class LogRecord(NamedTuple):
    """One record as a plain consumer reads it back."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time: int | None


class ExpectedReject(NamedTuple):
    """One record that must be rejected, and why; `phase` is "snapshot" or "stream"."""

    stream: str
    phase: str
    source: int
    """The number of the part (from 1), or the partition."""
    place: int
    """The line (from 1), or the offset."""
    code: str


@dataclass(frozen=True, slots=True)
class ExpectedTable:
    """The rows that a processed table must hold in the end, by primary key; `unchecked` names what is left out."""

    name: str
    stream: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    json_columns: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()
    """Columns of the table that depend on timing, such as the order of ingest."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records a stream received from each side."""

    snapshot: int
    stream: int
    rejected: int


class Model(Protocol):
    """An independent account of the source: what the processed schema must hold once everything is applied."""

    tables: tuple[ExpectedTable, ...]

    def snapshot(self, folder: Path) -> None:
        """Fold in a snapshot folder, in file order."""

    def stream(self, records: Iterable[LogRecord]) -> None:
        """Fold in the records from the start offsets on, each partition in offset order."""

    def rows(self, table: str) -> Iterator[Row]:
        """The expected rows of one table, sorted by its primary key."""

    def rejects(self) -> list[ExpectedReject]:
        """Every record that must be rejected, sorted."""

    def counts(self) -> dict[str, Counts]:
        """Per stream, what was folded in."""

    def close(self) -> None:
        """Give back files."""


class Scenario(Protocol):
    """One example, ready to be replayed."""

    @property
    def name(self) -> str: ...
    @property
    def mapping(self) -> Path: ...
    @property
    def migrations(self) -> Path: ...
    @property
    def target_schema(self) -> str: ...
    @property
    def topics(self) -> tuple[Topic, ...]: ...
    @property
    def live_changes(self) -> int | None:
        """About how many records `live` gives, for a writer that spreads them; None is as fast as they come."""

    @property
    def fuzzy(self) -> bool:
        """Whether the snapshot may hold values newer than the start offsets."""

    def initial(self) -> Iterator[SourceRecord]:
        """What the legacy platform has published before the migration begins."""

    def live(self) -> Iterator[SourceRecord]:
        """What it publishes while the migration runs, in order."""

    def model(self, work_dir: Path) -> Model:
        """A fresh model that keeps its state under `work_dir`, so that any size fits in memory."""
