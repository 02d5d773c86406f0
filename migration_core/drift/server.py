"""Settings of the server under which the application would read and write otherwise than the migration did. Pure."""

from collections.abc import Iterator, Sequence

from migration_core.drift.difference import Difference, Subject
from migration_core.drift.facts import ServerSettings
from migration_core.drift.statement import Statement

_STRICT = frozenset({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"})
_UTC = frozenset({"+00:00", "UTC", "Etc/UTC", "GMT"})
UTC = "+00:00"


def server_differences(required_modes: Sequence[str], live: ServerSettings) -> tuple[Difference, ...]:
    """What new sessions of the application would get that is not what the migration's sessions set."""
    return (*_modes(required_modes, live), *_zone(live))


def server_statements(found: Sequence[Difference]) -> tuple[Statement, ...]:
    """SET PERSIST for each setting that differs; a managed server has a parameter group instead."""
    return tuple(
        Statement(f"SET PERSIST {one.name} = '{one.declared}'") for one in found if one.subject is Subject.SERVER
    )


def _modes(required: Sequence[str], live: ServerSettings) -> Iterator[Difference]:
    # For InnoDB tables the two strict modes are the same.
    given = live.sql_mode | (_STRICT if live.sql_mode & _STRICT else frozenset())
    missing = [mode for mode in required if mode not in given]
    if missing:
        wanted = ",".join(dict.fromkeys((*sorted(live.sql_mode), *missing)))
        yield Difference(Subject.SERVER, "", "sql_mode", "value", wanted, ",".join(sorted(live.sql_mode)) or "empty")


def _zone(live: ServerSettings) -> Iterator[Difference]:
    zone = live.system_time_zone if live.time_zone == "SYSTEM" else live.time_zone
    if zone not in _UTC:
        told = f"SYSTEM ({zone})" if live.time_zone == "SYSTEM" else zone
        yield Difference(Subject.SERVER, "", "time_zone", "value", UTC, told)
