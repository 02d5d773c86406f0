"""Sessions of the pool: kept while they are used, replaced once they lay idle, and locks that die with their holder."""

import pytest

from db import engine
from migration_core.errors import Transient
from tests.chaos.mysql_proxy import mysql_proxy
from tests.chaos.mysql_session import KILL_QUERY, Cut
from tests.chaos.roles import opened
from tests.waiting import until

pytestmark = pytest.mark.servers


def session_id(database):
    with database.transaction() as session:
        return session.one("SELECT CONNECTION_ID()")


def test_a_session_that_is_used_again_at_once_is_kept(database):
    assert session_id(database) == session_id(database)


def test_a_session_that_lay_idle_for_too_long_is_replaced_without_an_error(database, monkeypatch):
    first = session_id(database)
    monkeypatch.setattr(engine, "_IDLE_SECONDS", 0.0)

    assert session_id(database) != first


@pytest.mark.parametrize("fault", [KILL_QUERY, Cut.AFTER])
def test_a_session_that_keeps_the_time_limit_of_a_snapshot_is_used_no_more(servers, database_url, fault):
    with mysql_proxy(servers.mysql_url) as proxy, opened(proxy.through(database_url)) as database:
        proxy.at(1, fault, matching=b"max_execution_time = 0")
        with pytest.raises(Transient), database.snapshot() as session:
            session.one("SELECT 1")

        with database.transaction() as session:
            assert session.one("SELECT @@max_execution_time") == (0,)
        assert proxy.fired == {fault: 1}


def test_a_named_lock_has_one_holder_until_its_block_ends(database):
    with database.alone("a") as first, database.alone("a") as second, database.alone("b") as other:
        assert (first, second, other) == (True, False, True)

    with database.alone("a") as again:
        assert again


def test_a_named_lock_ends_with_the_session_of_its_holder(database):
    with database.alone("a") as first:
        assert first
        with database.transaction() as session:
            others = "SELECT id FROM performance_schema.processlist WHERE id <> CONNECTION_ID() AND db = DATABASE()"
            until(lambda: len(session.rows(others)) == 1, "sessions of earlier tests are gone")
            ((holder,),) = session.rows(others)
            session.execute("KILL %s", (holder,))
            while session.rows("SELECT 1 FROM performance_schema.processlist WHERE id = %s", (holder,)):
                pass
        with database.alone("a") as second:
            assert second
