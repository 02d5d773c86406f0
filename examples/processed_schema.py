"""Brings an example's processed schema to its newest revision."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config

from db.engine import Database, parsed_url
from db.schema import create_schema


def upgrade(database_url: str, schema: str, migrations: Path, revision: str = "head") -> None:
    """Create `schema` on the server of `database_url` and run the Alembic tree in `migrations` on it."""
    _run(database_url, schema, migrations, lambda config: command.upgrade(config, revision))


def downgrade(database_url: str, schema: str, migrations: Path, revision: str = "base") -> None:
    """Go back to `revision`; its tables are dropped with their rows."""
    _run(database_url, schema, migrations, lambda config: command.downgrade(config, revision))


def _run(database_url: str, schema: str, migrations: Path, act: Callable[[Config], None]) -> None:
    create_schema(database_url, schema)
    own = parsed_url(database_url).set(database=schema).render_as_string(hide_password=False)
    database = Database(own, pool_size=1)
    try:
        with database.engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", str(migrations).replace("%", "%%"))
            config.attributes["connection"] = connection
            act(config)
            connection.commit()
    finally:
        database.close()
