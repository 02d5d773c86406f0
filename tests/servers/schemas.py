"""Control schemas that the tests of one process lend each other: emptying one takes a tenth of making it."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from sqlalchemy.engine import make_url

from db.bulk import quoted
from db.engine import Database, Session
from db.schema import create_schema, drop_schemas, upgrade
from local_stack.servers import Servers
from migration_core.errors import MigrationError
from tests.servers.sessions import end_others

_free: dict[str, list["_Schema"]] = defaultdict(list)
"""{server: schemas that are empty}."""


class _Schema:
    """One schema at the code's head, and how it looked when it was made."""

    def __init__(self, server: str) -> None:
        self.name = f"control_{uuid4().hex[:12]}"
        self.url = make_url(server).set(database=self.name).render_as_string(hide_password=False)
        create_schema(self.url)
        database = Database(self.url, pool_size=1)
        try:
            upgrade(database)
            with database.transaction() as session:
                self._tables = _tables(session)
                self._look = _look(session)
                self._seed = {table: rows for table in self._tables if (rows := _rows(session, table))}
        finally:
            database.close()

    def emptied(self) -> bool:
        """Make it as it was; False where a test has changed the schema itself, or the server is away.

        Tables that count go on counting: to let one begin anew takes longer than to empty them all.
        """
        database = Database(self.url, pool_size=1)
        try:
            with database.transaction() as session:
                end_others(session, self.name)  # programs that were killed may hold locks for a moment
                session.execute("SET foreign_key_checks = 0")
                for table in _tables(session) - self._tables:
                    session.execute(f"DROP TABLE {quoted(table)}")
                if _look(session) != self._look:
                    return False
                for table in self._tables:
                    session.execute(f"DELETE FROM {quoted(table)}")
                for table, rows in self._seed.items():
                    for row in rows:
                        session.execute(f"INSERT INTO {quoted(table)} VALUES ({', '.join(['%s'] * len(row))})", row)
        except MigrationError:
            return False
        else:
            return True
        finally:
            database.close()


@contextmanager
def control_schema(servers: Servers) -> Iterator[str]:
    """The URL of an empty control schema at the code's head."""
    free = _free[servers.mysql_url]
    schema = free.pop() if free else _Schema(servers.mysql_url)
    emptied = False
    try:
        yield schema.url
        emptied = schema.emptied()
    finally:
        if emptied:
            free.append(schema)
        else:
            with suppress(MigrationError):  # a server of the test's own may be gone with all that it held
                drop_schemas(schema.url, schema.name)


def drop_free(servers: Servers) -> None:
    """Leave the servers as they were found."""
    for schema in _free.pop(servers.mysql_url, []):
        drop_schemas(schema.url, schema.name)


def _rows(session: Session, table: str) -> list[tuple[object, ...]]:
    return session.rows(f"SELECT * FROM {quoted(table)}")


def _tables(session: Session) -> frozenset[str]:
    """Every table."""
    rows = session.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
    return frozenset(name for (name,) in rows)


def _look(session: Session) -> tuple[object, ...]:
    """Columns, indexes and triggers, in short."""
    columns = session.rows(
        "SELECT table_name, column_name, column_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position"
    )
    indexes = session.rows(
        "SELECT table_name, index_name, column_name FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index"
    )
    triggers = session.rows("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
    return columns, indexes, triggers
