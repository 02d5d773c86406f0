"""The MySQL proxy is as honest as the server: what fails is undone as far as the server undoes it, and no further."""

import pytest

from db.bulk import Bulk, write
from db.engine import Database
from db.failure import SqlError
from tests.chaos.mysql_proxy import mysql_proxy
from tests.chaos.mysql_session import DEADLOCK, KILL_QUERY, LOCK_WAIT, READ_ONLY, TIME_LIMIT, Cut, Fail

pytestmark = pytest.mark.servers

ROWS, LINES = Bulk("kept", ("id", "text")), [b"%d\tx\n" % number for number in range(1000)]


@pytest.fixture
def proxy(servers):
    with mysql_proxy(servers.mysql_url) as found:
        yield found


@pytest.fixture
def through(proxy, database, database_url):
    """The test's schema by way of the proxy, with one table and a session that is open."""
    with database.transaction() as session:
        session.execute("CREATE TABLE kept (id INT PRIMARY KEY, text VARCHAR(20))")
    found = Database(proxy.through(database_url), pool_size=1)
    with found.transaction() as session:
        session.execute("DELETE FROM kept")
    proxy.begin()
    yield found
    found.close()


def kept(database) -> list[int]:
    with database.transaction() as session:
        return [number for (number,) in session.rows("SELECT id FROM kept ORDER BY id")]


@pytest.mark.parametrize(("fault", "left"), [(LOCK_WAIT, [1, 3]), (READ_ONLY, [1, 3]), (DEADLOCK, [3])])
def test_a_deadlock_rolls_back_everything_and_other_errors_their_statement(proxy, through, database, fault, left):
    proxy.at(2, fault)
    with through.transaction() as session:
        session.execute("INSERT INTO kept VALUES (1, '')")
        with pytest.raises(Exception, match=str(fault)):
            session.execute("INSERT INTO kept VALUES (2, '')")
        session.execute("INSERT INTO kept VALUES (3, '')")

    assert kept(database) == left
    assert proxy.fired == {fault: 1}


@pytest.mark.parametrize(("fault", "left"), [(Cut.BEFORE, []), (Cut.AFTER, [1]), (LOCK_WAIT, []), (READ_ONLY, [])])
def test_a_commit_is_lost_or_made_as_the_fault_says(proxy, through, database, fault, left):
    proxy.at(1, fault, matching=b"COMMIT")

    with pytest.raises(SqlError) as raised, through.transaction() as session:
        session.execute("INSERT INTO kept VALUES (1, '')")

    assert raised.value.errno == (2013 if isinstance(fault, Cut) else fault.errno)
    assert kept(database) == left


@pytest.mark.parametrize("fault", [LOCK_WAIT, DEADLOCK, READ_ONLY, KILL_QUERY, *Cut])
def test_a_load_from_memory_that_fails_leaves_nothing_and_the_next_one_works(proxy, through, database, fault):
    proxy.at(1, fault, matching=b"LOAD DATA")

    with pytest.raises(SqlError), through.transaction() as session:
        write(session.connection, ROWS, LINES)
    after_the_fault = kept(database)
    with through.transaction() as session:
        write(session.connection, ROWS, LINES)

    assert after_the_fault == []
    assert kept(database) == list(range(1000))


@pytest.mark.parametrize("fault", [TIME_LIMIT, KILL_QUERY])
@pytest.mark.parametrize("fast", [False, True])
def test_a_query_that_ends_among_its_rows_is_an_error_and_no_short_answer(proxy, through, fault, fast):
    with through.transaction() as session:
        write(session.connection, ROWS, LINES)
    read = "SELECT id, text FROM kept"
    proxy.at(1, fault, matching=read.encode())

    with pytest.raises(SqlError) as raised, through.transaction() as session:
        session.connection.text_rows(read) if fast else session.rows(read)
    with through.transaction() as session:
        again = session.connection.text_rows(read)

    assert raised.value.errno == fault.errno
    assert len(again) == 1000


def test_a_query_that_fails_by_itself_meets_the_fault_instead(proxy, through):
    proxy.at(1, TIME_LIMIT, matching=b"missing")

    with pytest.raises(SqlError) as raised, through.transaction() as session:
        session.rows("SELECT id FROM missing")
    with through.transaction() as session:
        still_there = session.rows("SELECT 1")

    assert raised.value.errno == TIME_LIMIT.errno
    assert still_there == [(1,)]


@pytest.mark.parametrize("errno", [1040, 1203])
def test_connections_that_are_too_many_are_sent_away_as_the_server_does_it(proxy, database_url, errno):
    proxy.refuse(errno, times=2)
    database = Database(proxy.through(database_url), pool_size=1)
    for _ in range(2):
        with pytest.raises(SqlError) as raised, database.transaction():
            pass
        assert raised.value.errno == errno

    with database.transaction() as session:
        assert session.one("SELECT 1") == (1,)
    database.close()
    assert proxy.fired == {Fail(errno): 2}


def test_statements_are_counted_in_their_order_and_chance_can_decide_on_each(proxy, through):
    with through.transaction() as session:
        session.execute("SELECT 1")
    counted = proxy.statements
    proxy.disturb(0.5, [LOCK_WAIT], seed=1)
    failures = 0
    for _ in range(40):
        try:
            with through.transaction() as session:
                session.execute("SELECT 1")
        except SqlError:
            failures += 1
    proxy.clear()

    assert counted == [b"SELECT 1", b"COMMIT"]
    assert 0 < failures < 40
    assert proxy.fired[LOCK_WAIT] >= failures
