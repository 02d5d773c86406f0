"""A server that is not what it seems gets no file of this machine and no password."""

from contextlib import contextmanager

import pytest
from pymysql import MySQLError

from db.bulk import Bulk, Repaired, write
from db.engine import Database, Session
from db.failure import SqlError, sql_error
from migration_core.errors import ConfigError
from tests.servers.hostile_mysql import hostile_mysql

LOGIN = 4
CANARY = "canary-4711"


@pytest.fixture
def hostile(tmp_path):
    file = tmp_path / "secret"
    file.write_text(CANARY * 1000)
    with hostile_mysql() as server:
        server.wanted = str(file)
        yield server


@contextmanager
def session_on(url):
    """One session as the pool opens it; the pool itself would ask more questions first."""
    connection = None
    try:
        connection = Database(url)._connect()
        yield Session(connection)
    except MySQLError as error:
        raise sql_error(error) from error
    finally:
        if connection is not None:
            connection._force_close()


def store(session):
    write(session.connection, Bulk("`raw`", ("a",)), [b"mine\n"])


STATEMENTS = {
    "a query": lambda session: session.rows("SELECT 1"),
    "a query by the fast reader": lambda session: session.connection.text_rows("SELECT 1"),
    "an unbuffered query": lambda session: session.connection.query("SELECT 1", unbuffered=True),
    "a change": lambda session: session.execute("UPDATE t SET a = 1"),
    "LOAD DATA of something else": store,
    "a commit": lambda session: session.connection.commit(),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_a_server_that_asks_for_a_file_instead_of_answering_gets_none(hostile, statement):
    hostile.honest = LOGIN

    with pytest.raises(SqlError), session_on(hostile.url()) as session:
        statement(session)

    assert len(hostile.queries) > LOGIN
    assert hostile.sent == []


@pytest.mark.parametrize("honest", range(LOGIN))
def test_not_even_while_the_client_logs_in(hostile, honest):
    hostile.honest = honest

    with pytest.raises(SqlError), session_on(hostile.url()):
        pass

    assert hostile.sent == []


def test_the_name_of_the_buffer_opens_it_for_its_own_statement_alone(hostile):
    hostile.honest, hostile.wanted = LOGIN, "rows-in-memory"

    with pytest.raises(SqlError), session_on(hostile.url()) as session:
        session.rows("SELECT 1")
    assert hostile.sent == []

    with pytest.raises(Repaired, match="info line"), session_on(hostile.url()) as session:
        store(session)
    assert hostile.sent == [b"mine\n"]


def test_a_password_in_clear_text_goes_only_to_a_server_that_an_authority_vouches_for(hostile):
    hostile.in_clear = True

    with pytest.raises(SqlError, match="clear text") as refused, session_on(hostile.url(CANARY)):
        pass

    assert hostile.sent == []
    assert CANARY not in str(refused.value)


def test_a_server_that_names_no_tls_is_refused_where_tls_is_required(hostile):
    with pytest.raises(ConfigError, match="offers no TLS"), session_on(f"{hostile.url()}?ssl_mode=REQUIRED"):
        pass

    assert hostile.queries == []
