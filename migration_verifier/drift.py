"""Whether the live processed schema is the one that its own migrations declare."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from db import shadow_tables
from db.declared import declared_schema
from db.engine import STRICT_MODE, Database
from db.schema_facts import read_schema, read_server
from db.tables import belongs_to_control
from migration_core.drift import (
    Difference,
    Statement,
    Subject,
    differences,
    mending,
    server_differences,
    server_statements,
)
from migration_core.errors import ConfigError
from migration_core.gate import Gate, GateVerdict

GATE = "schema drift"
_NAMED_IN_A_GATE = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """Everything that differs, and the statements that mend it, in the order in which they must run."""

    schema: str
    differences: tuple[Difference, ...]
    statements: tuple[Statement, ...]


def find_drift(
    control: Database, server: str, schema: str, migrations: Path, *, statistics: Sequence[str] = ()
) -> Drift:
    """Compare the live schema `schema` with the head of the Alembic tree in `migrations`.

    `statistics` are tables that statistics fill: beside them stand, while one is counted, others that no migration
    knows and that are gone afterwards.
    """
    passing = frozenset(shadow_tables.passing(statistics))

    def ignored(table: str) -> bool:
        return table in passing or (schema == control.schema and belongs_to_control(table))

    with control.transaction() as session:
        live = read_schema(session, schema, ignored)
        settings = read_server(session)
    if not live.collation:
        raise ConfigError(f"schema {schema!r} does not exist: run your migrations first")
    declared = declared_schema(control, server, migrations, collation=live.collation)
    of_schema = differences(declared, live)
    of_server = server_differences(STRICT_MODE.split(","), settings)
    return Drift(schema, of_schema + of_server, mending(declared, live, of_schema) + server_statements(of_server))


def drift_gates(drift: Drift) -> tuple[Gate, ...]:
    """One gate that passes, or one for each table that differs. Pure."""
    return tuple(_failed(drift)) or (Gate(GATE, GateVerdict.PASS, f"{drift.schema} is as declared"),)


def _failed(drift: Drift) -> Iterator[Gate]:
    for place in dict.fromkeys(_place(one) for one in drift.differences):
        found = [str(one) for one in drift.differences if _place(one) == place]
        more = f" and {len(found) - _NAMED_IN_A_GATE} more" if len(found) > _NAMED_IN_A_GATE else ""
        told = "; ".join(found[:_NAMED_IN_A_GATE]) + more
        yield Gate(f"{GATE}: {place}", GateVerdict.FAIL, told, "run the statements that `migration drift` prints")


def _place(one: Difference) -> str:
    return one.table or (f"server {one.name}" if one.subject is Subject.SERVER else one.name)
