"""Work that only one process may do at a time, by a lock that the server gives back when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pymysql

from db.engine import Database, Session
from migration_core.errors import Transient

_PATIENT_SECONDS = 86_400


@contextmanager
def alone(database: Database, what: str) -> Iterator[Session]:
    """Hold the lock `what` of this control schema for the block; Transient while another process holds it.

    A statement of the session that is given can only run while the lock is held: both end with one connection.
    """
    with database.transaction() as session:
        session.execute("SET SESSION wait_timeout = %s", (_PATIENT_SECONDS,))
        name = f"{database.schema}:{what}"[:64]
        try:
            if session.one("SELECT GET_LOCK(%s, 0)", (name,)) != (1,):
                raise Transient(f"another `migration {what}` is at work here: wait until it ends")
            try:
                yield session
            finally:
                with suppress(pymysql.MySQLError):  # a session that is lost holds no lock, and hides no other error
                    session.one("SELECT RELEASE_LOCK(%s)", (name,))
        finally:
            with suppress(pymysql.MySQLError):
                session.execute("SET SESSION wait_timeout = DEFAULT")
