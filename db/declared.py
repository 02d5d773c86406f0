"""The declared processed schema: its own migrations, run to their head in a scratch schema that is dropped again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pymysql

from db import revisions
from db.bulk import quoted
from db.engine import Database, Session
from db.failure import sql_error
from db.schema_facts import read_schema
from migration_core.drift import SchemaFacts
from migration_core.errors import ConfigError

PREFIX = "declared_"
_LONGEST_SECONDS = 3600
_NO_RIGHT = 1044
GRANT = "GRANT ALL ON `declared\\_%`.* TO the user of DATABASE_URL"


def declared_schema(control: Database, server: str, migrations: Path, *, collation: str) -> SchemaFacts:
    """The schema as the migrations make it; `collation` is for tables whose CREATE TABLE names none."""
    if not (migrations / "env.py").is_file():
        raise ConfigError(f"{migrations}: no env.py there; name the folder of your Alembic migrations")
    with control.transaction() as session:
        _drop_orphans(session)
        with _scratch(session, collation) as name:
            revisions.upgrade(server, name, migrations)
            found = read_schema(session, name)
    if not found.tables:
        raise ConfigError(
            f"{migrations}: the revisions made no table in the schema they were given; env.py must use "
            'config.attributes["connection"], or sqlalchemy.url of the configuration'
        )
    return found


@contextmanager
def _scratch(session: Session, collation: str) -> Iterator[str]:
    """A schema whose name is locked by this session, so that nobody takes it for an orphan while it is used."""
    name = PREFIX + uuid4().hex[:12]
    session.execute(f"SET SESSION wait_timeout = {_LONGEST_SECONDS}")
    session.execute("SELECT GET_LOCK(%s, 0)", (name,))
    try:
        session.execute(f"CREATE DATABASE {quoted(name)} COLLATE {collation}")
    except pymysql.MySQLError as error:
        if (meaning := sql_error(error)) and meaning.errno == _NO_RIGHT:
            raise ConfigError(f"the declared schema is built in a scratch schema: {GRANT}") from error
        raise
    try:
        yield name
    finally:
        session.execute(f"DROP DATABASE {quoted(name)}")
        session.execute("SELECT RELEASE_LOCK(%s)", (name,))


def _drop_orphans(session: Session) -> None:
    """Scratch schemas of processes that were killed: their locks went with their sessions."""
    like = PREFIX.replace("_", r"\_") + "%"
    for (name,) in session.rows(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE %s", (like,)
    ):
        if session.one("SELECT GET_LOCK(%s, 0)", (name,)) == (1,):
            session.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")
            session.execute("SELECT RELEASE_LOCK(%s)", (name,))
