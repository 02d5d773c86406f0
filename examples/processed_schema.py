"""Brings an example's processed schema to its newest revision."""

from pathlib import Path

from db import revisions
from db.schema import create_schema


def upgrade(database_url: str, schema: str, migrations: Path, revision: str = "head") -> None:
    """Create `schema` on the server of `database_url` and run the Alembic tree in `migrations` on it."""
    create_schema(database_url, schema)
    revisions.upgrade(database_url, schema, migrations, revision)


def downgrade(database_url: str, schema: str, migrations: Path, revision: str = "base") -> None:
    """Go back to `revision`; its tables are dropped with their rows."""
    revisions.downgrade(database_url, schema, migrations, revision)
