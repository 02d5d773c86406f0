"""A schema as the server describes it, complete enough to be compared and to be made again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PRIMARY = "PRIMARY"


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column."""

    name: str
    type: str
    """With length, precision, sign and the values of an ENUM."""
    nullable: bool
    default: str | None
    """None is no default, or NULL."""
    default_is_expression: bool
    on_update: str
    charset: str | None
    collation: str | None
    generated: str
    """The expression of a generated column, else empty."""
    stored: bool
    auto_increment: bool
    visible: bool
    srid: int | None
    definition: str = field(compare=False)
    """The server's own words, as ADD COLUMN and MODIFY COLUMN take them."""


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One place of an index."""

    of: str
    """The column, or the expression in parentheses."""
    prefix: int | None
    descending: bool

    def __str__(self) -> str:
        length = "" if self.prefix is None else f"({self.prefix})"
        return f"{self.of}{length}{' DESC' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index; the primary key is named PRIMARY."""

    name: str
    unique: bool
    kind: str
    """BTREE, FULLTEXT or SPATIAL."""
    parts: tuple[IndexPart, ...]
    visible: bool
    definition: str = field(compare=False)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that stand in it by name."""
        return frozenset(part.of for part in self.parts)


@dataclass(frozen=True, slots=True)
class ForeignKeyFacts:
    """One foreign key."""

    name: str
    columns: tuple[str, ...]
    parent: str
    """The referenced table, with its schema where that is another one."""
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    definition: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """One CHECK constraint."""

    name: str
    clause: str
    enforced: bool
    definition: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One base table."""

    name: str
    engine: str
    row_format: str
    collation: str
    columns: tuple[ColumnFacts, ...]
    indexes: tuple[IndexFacts, ...]
    foreign_keys: tuple[ForeignKeyFacts, ...]
    checks: tuple[CheckFacts, ...]
    creation: str = field(compare=False)
    """CREATE TABLE without its name and its foreign keys: from the parenthesis on."""
    rows: int = field(default=0, compare=False)
    """About how many; the server estimates."""
    next_number: int | None = field(default=None, compare=False)
    """What AUTO_INCREMENT would give next."""
    largest_number: int | None = field(default=None, compare=False)
    """The largest value of the AUTO_INCREMENT column."""

    def index(self, name: str) -> IndexFacts | None:
        """The index of that name, if there is one."""
        return next((index for index in self.indexes if index.name == name), None)


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """All base tables of one schema, by name."""

    name: str
    collation: str
    """What a table gets whose CREATE TABLE names none."""
    tables: Mapping[str, TableFacts]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of the server that decide what the same statement means."""

    sql_mode: frozenset[str]
    time_zone: str
    system_time_zone: str
