"""Sessions of MySQL that tests end."""

from collections.abc import Iterable

import pymysql

from db.engine import Session

GONE = 1094
"""ER_NO_SUCH_THREAD: there is no session of this number any more."""


def end(session: Session, others: Iterable[object]) -> None:
    """End the sessions of these numbers; one that has ended by itself is no error."""
    for other in others:
        try:
            session.execute(f"KILL {other}")
        except pymysql.MySQLError as error:
            if error.args[0] != GONE:
                raise


def end_others(session: Session, schema: str) -> None:
    """End every other session of the schema."""
    found = session.rows(
        "SELECT id FROM performance_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()", (schema,)
    )
    end(session, [number for (number,) in found])
