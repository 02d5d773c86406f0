"""The processed schema as plain values, whoever read it: what decides how a column's value must look."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """One column, as information_schema describes it."""

    name: str
    data_type: str
    """DATA_TYPE in lower case: varchar, int, bigint, decimal, datetime, json …"""
    unsigned: bool = False
    nullable: bool = True
    default: str | None = None
    has_default: bool = False
    """Whether an INSERT may leave the column out."""
    char_length: int | None = None
    byte_length: int | None = None
    precision: int | None = None
    scale: int | None = None
    datetime_precision: int | None = None
    charset: str | None = None
    collation: str | None = None
    enum_values: tuple[str, ...] = ()
    generated: bool = False
    auto_increment: bool = False


@dataclass(frozen=True, slots=True)
class TargetIndex:
    """One index; the primary key is named PRIMARY."""

    name: str
    unique: bool
    columns: tuple[str, ...]
    visible: bool = True


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One base table."""

    name: str
    engine: str
    columns: tuple[TargetColumn, ...]
    primary_key: tuple[str, ...]
    indexes: tuple[TargetIndex, ...] = ()
    referenced_by: tuple[str, ...] = ()
    """Tables with a foreign key to this one."""
    foreign_keys: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()

    def column(self, name: str) -> TargetColumn | None:
        """The column of that name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class TargetSchema:
    """All base tables of one schema, by name."""

    name: str
    tables: Mapping[str, TargetTable]
