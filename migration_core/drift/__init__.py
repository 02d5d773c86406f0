"""How a live schema differs from the declared one, and the statements that mend it."""

from migration_core.drift.compare import differences
from migration_core.drift.difference import Difference, Subject
from migration_core.drift.facts import (
    CheckFacts,
    ColumnFacts,
    ForeignKeyFacts,
    IndexFacts,
    IndexPart,
    SchemaFacts,
    ServerSettings,
    TableFacts,
)
from migration_core.drift.mend import mending
from migration_core.drift.server import server_differences, server_statements
from migration_core.drift.statement import Statement

__all__ = [
    "CheckFacts",
    "ColumnFacts",
    "Difference",
    "ForeignKeyFacts",
    "IndexFacts",
    "IndexPart",
    "SchemaFacts",
    "ServerSettings",
    "Statement",
    "Subject",
    "TableFacts",
    "differences",
    "mending",
    "server_differences",
    "server_statements",
]
