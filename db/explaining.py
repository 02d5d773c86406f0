"""How the server would run statements of the application, asked on the processed schema itself."""

import pymysql

from db.bulk import quoted
from db.engine import Session
from db.failure import sql_error
from migration_core.errors import MigrationError, Transient
from migration_core.plans import ApplicationStatement, Sample, SampleQuery

_LONGEST_SECONDS = 30


class CannotExplain(MigrationError):
    """The statement does not fit the schema: a column is missing, for one."""


class NoSample(MigrationError):
    """The target holds no row that a sample parameter could be taken from."""


def prepare(session: Session) -> None:
    """The one format that tells of UPDATE and DELETE too, whatever the server's default is."""
    session.execute("SET SESSION explain_json_format_version = 1")
    # Cheap as EXPLAIN is, a subquery without a table reference is run by it.
    session.execute(f"SET SESSION max_execution_time = {_LONGEST_SECONDS * 1000}")


def explained(session: Session, statement: ApplicationStatement) -> str:
    """EXPLAIN FORMAT=JSON of a statement with its sample parameters; nothing is changed."""
    sql, samples = statement.placed
    try:
        values = [_value(session, sample) for sample in samples]
        found = session.one(f"EXPLAIN FORMAT=JSON {sql}", values or None)
    except pymysql.MySQLError as error:
        meaning = sql_error(error)
        if meaning is None or isinstance(meaning, Transient) or meaning.lost_connection:
            raise
        raise CannotExplain(str(meaning)) from error
    return str(found[0]) if found else "{}"


def _value(session: Session, sample: Sample) -> object:
    if not isinstance(sample, SampleQuery):
        return sample
    found = session.one(sample.sql)
    if found is None:
        raise NoSample(f"no row for {sample.sql}")
    return found[0]


def analyze(session: Session, table: str) -> None:
    """Let the server count again: right after a load, its estimates are those of an empty table."""
    session.rows(f"ANALYZE TABLE {quoted(table)}")
