"""The way back of a mapping: which legacy member each column came from, and what its value was there. Pure."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from migration_core.mapping.model import ColumnModel, StreamModel, TableModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}

Restore = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Member:
    """One legacy member that a column fills again."""

    names: tuple[str, ...]
    restore: Restore


@dataclass(frozen=True, slots=True)
class TableReversal:
    """How rows of one processed table read in legacy words."""

    table: str
    element_of: str | None
    """Of a child table: the list whose elements its rows are."""
    entity_columns: tuple[str, ...]
    """The columns that hold the legacy id."""
    members: Mapping[str, Member]
    rest: str | None = None
    """The column that holds what no other column takes."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """{column: why its legacy value cannot be told}."""

    def key(self, row: Mapping[str, Any]) -> list[Any]:
        """The legacy id of a row."""
        return [row[name] for name in self.entity_columns]

    def document(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What the row says of the legacy document, or of the element of a list."""
        found: dict[str, Any] = {}
        rest = row.get(self.rest) if self.rest else None
        if isinstance(rest, Mapping):
            _merge(found, rest)
        for column, member in self.members.items():
            if column in row:
                value = row[column]
                _place(found, member.names, None if value is None else member.restore(value))
        return found


@dataclass(frozen=True, slots=True)
class StreamReversal:
    """How the changes of one stream read in legacy words."""

    stream: str
    key_paths: tuple[str, ...]
    tables: Mapping[str, TableReversal]

    @property
    def lost(self) -> list[str]:
        """Columns whose legacy value cannot be told, with the reason."""
        return [f"{table}.{column} {why}" for table, one in self.tables.items() for column, why in one.lost.items()]


def reversal_of(name: str, stream: StreamModel, entity_columns: Mapping[str, tuple[str, ...]]) -> StreamReversal:
    """The way back of one stream; `entity_columns` names per table the columns that hold the legacy id."""
    return StreamReversal(
        stream=name,
        key_paths=tuple(str(part.path) for part in stream.key),
        tables={
            table: _table(table, model, entity_columns[table], partial=stream.changes == "partial")
            for table, model in stream.tables.items()
        },
    )


def _table(name: str, model: TableModel, entity: tuple[str, ...], *, partial: bool) -> TableReversal:
    members: dict[str, Member] = {}
    lost: dict[str, str] = {}
    if partial and model.rest is None:
        # A patch may set members that no column takes; they live in the merged document alone.
        lost["(members without a column)"] = "are kept only where the table has a rest column"
    for column, one in model.columns.items():
        why = _why_lost(one)
        if why:
            lost[column] = why
        elif one.path is not None and one.path.names and not one.path.up:
            members[column] = Member(one.path.names, _restore(one))
    element_of = str(model.each).removesuffix("[*]") if model.each else None
    return TableReversal(name, element_of, entity, members, model.rest, lost)


def _why_lost(column: ColumnModel) -> str:
    """Empty when the legacy value can be told, or when there was none."""
    if column.using is not None:
        return f"is made by {column.using}, which has no inverse"
    if column.values is not None and len(set(column.values.values())) < len(column.values):
        return "holds one word for several legacy words"
    return ""


def _restore(column: ColumnModel) -> Restore:
    match column.type:
        case "bool":
            return bool
        case "epoch_s" | "epoch_ms" | "epoch_us":
            return lambda value: _epoch(value, _PER_SECOND[column.type or ""])
        case "iso8601":
            return lambda value: str(value).replace(" ", "T") + "Z"
        case "bytes":
            return _hex if column.encoding == "hex" else _base64
        case "enum" if column.values is not None:
            legacy = {ours: theirs for theirs, ours in column.values.items()}
            return lambda value: legacy.get(value, value)
    return lambda value: value


def _epoch(text: str, per_second: int) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH
    micros = (moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds
    return micros * per_second // 1_000_000


def _hex(text: str) -> str:
    return text


def _base64(text: str) -> str:
    return b64encode(bytes.fromhex(text)).decode()


def _place(document: dict[str, Any], names: tuple[str, ...], value: object) -> None:
    node = document
    for name in names[:-1]:
        inner = node.get(name)
        node[name] = node = inner if isinstance(inner, dict) else {}
    node[names[-1]] = value


def _merge(document: dict[str, Any], rest: Mapping[str, Any]) -> None:
    for name, value in rest.items():
        if isinstance(value, Mapping):
            inner = document.setdefault(name, {})
            _merge(inner, value)
        else:
            document[name] = value
