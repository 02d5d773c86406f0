"""A checked statistic: what is to be counted, into which table, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migration_core.errors import ConfigError
from migration_core.statistics.sql_text import PARAMETER

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Following:
    """Of an incremental statistic: whose changes it follows, and where it keeps what each entity counts for."""

    stream: str
    key: tuple[str, ...]
    """Columns of the SELECT and of `members` that hold the stream's key."""
    members: str


@dataclass(frozen=True, slots=True)
class Statistic:
    """One entry of `statistics:` with the text of its SQL."""

    name: str
    table: str
    file: str
    sql: str
    parameters: Mapping[str, Value]
    schedule: str | None
    each: str | None
    following: Following | None
    definition: str
    """SHA-256 over all that decides about its rows: others make everything be counted anew."""
    indexes: Mapping[str, tuple[str, ...]]
    scan_rows: int | None
    sort_rows: int | None

    @property
    def mode(self) -> str:
        """As the mapping writes it."""
        return "incremental" if self.following else "full"

    @property
    def asked(self) -> tuple[str, ...]:
        """The parameters of its SQL, each once."""
        return tuple(dict.fromkeys(PARAMETER.findall(self.sql)))

    @property
    def own_tables(self) -> tuple[str, ...]:
        """Those that it fills, and nobody else."""
        return (self.table, *((self.following.members,) if self.following else ()))


def named(statistics: Sequence[Statistic], name: str) -> Statistic:
    """The one of that name; ConfigError says which there are."""
    for one in statistics:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in statistics) or "none"
    raise ConfigError(f"the mapping has no statistic {name!r}; it has {known}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the columns of the target are filled."""

    groups: tuple[str, ...]
    """Its primary key."""
    values: tuple[str, ...]
    """Its other columns: of an incremental statistic sums."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return self.groups + self.values
