"""The Alembic tree of a processed schema, run on a schema of any name."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from db.engine import Database, schema_url
from db.failure import sql_error
from db.tls import for_sqlalchemy
from migration_core.errors import ConfigError


def upgrade(server: str, schema: str, migrations: Path, revision: str = "head") -> None:
    """Run the revisions in `migrations` on the existing schema `schema`."""
    _run(server, schema, migrations, lambda config: command.upgrade(config, revision))


def downgrade(server: str, schema: str, migrations: Path, revision: str = "base") -> None:
    """Go back to `revision`; tables are dropped with their rows."""
    _run(server, schema, migrations, lambda config: command.downgrade(config, revision))


def _run(server: str, schema: str, migrations: Path, act: Callable[[Config], None]) -> None:
    database = Database(schema_url(server, schema), pool_size=1)
    try:
        with database.engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", str(migrations).replace("%", "%%"))
            # An env.py takes the connection; one that Alembic itself has made takes the URL.
            its_own = for_sqlalchemy(database.address).render_as_string(hide_password=False)
            config.set_main_option("sqlalchemy.url", its_own.replace("%", "%%"))
            config.attributes["connection"] = connection
            act(config)
            connection.commit()
    except CommandError as error:
        raise ConfigError(f"{migrations}: {error}") from error
    except DBAPIError as error:
        raise sql_error(error) or error from error
    finally:
        database.close()
