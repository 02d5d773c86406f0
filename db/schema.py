"""The control schema on a server: created, upgraded, checked against the code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from db.bulk import quoted
from db.engine import EVERYBODYS, Database, parsed_url
from db.failure import sql_error
from db.tables import VERSION_TABLE, is_control_table, metadata
from migration_core.errors import Transient

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 60


def create_schema(database_url: str, *names: str) -> None:
    """Create the control schema and the schemas `names` where they do not exist; needs the right to do so."""
    own = parsed_url(database_url)
    server = Database(own.set(database=EVERYBODYS).render_as_string(hide_password=False), pool_size=1)
    try:
        with server.transaction() as session:
            for name in (own.database or "", *names):
                session.execute(
                    f"CREATE DATABASE IF NOT EXISTS {quoted(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
                )
    finally:
        server.close()


def drop_schemas(database_url: str, *names: str) -> None:
    """Drop schemas with all that they hold: for replays and tests, which begin from nothing."""
    own = parsed_url(database_url)
    server = Database(own.set(database=EVERYBODYS).render_as_string(hide_password=False), pool_size=1)
    try:
        with server.transaction() as session:
            for name in names:
                session.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")
    finally:
        server.close()


def upgrade(database: Database) -> str:
    """Bring the control schema to the code's head, under a lock, and name that revision."""
    with _connection(database) as connection:
        with _one_at_a_time(connection, database.schema):
            command.upgrade(_config(connection), "head")
            connection.commit()
        return head()


def head() -> str:
    """The revision that this code needs."""
    return ScriptDirectory(str(_SCRIPTS)).get_current_head() or ""


def current(database: Database) -> str | None:
    """The revision that the server has, or None when there is no control schema."""
    with _connection(database) as connection:
        return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def check_at_head(database: Database) -> None:
    """Transient while this code and the control schema do not fit: whoever upgrades it may still be at it."""
    if current(database) != head():
        raise Transient("the control schema is not at this version's head: run `migration schema upgrade`")


def differences(database: Database) -> list[str]:
    """What Alembic finds unlike between the code's tables and the server's; empty when they agree."""
    options = {
        "version_table": VERSION_TABLE,
        "compare_type": True,
        "include_name": is_control_table,
    }
    with _connection(database) as connection:
        context = MigrationContext.configure(connection, opts=options)
        return [str(difference) for difference in compare_metadata(context, metadata)]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connection(database: Database) -> Iterator[Connection]:
    try:
        with database.engine.connect() as connection:
            yield connection
            connection.rollback()
    except DBAPIError as error:
        raise sql_error(error) or error from error


@contextmanager
def _one_at_a_time(connection: Connection, schema: str) -> Iterator[None]:
    """Two tasks that start at once must not run the same DDL: MySQL cannot roll it back."""
    name = f"migration:{schema}"[:64]
    connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": _LOCK_SECONDS})
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
