"""Processes that a failpoint has stopped in the middle of a transaction, and what a server does to their sessions."""

import signal

import psutil

from db.engine import LANE_SECONDS, Database
from tests.integration.forked import Forked
from tests.servers.sessions import end
from tests.waiting import until


def until_stopped(process: Forked) -> None:
    """It stands at its failpoint when this returns."""

    def lives() -> None:
        assert process.poll() is None, f"it ended with {process.returncode} instead"

    until(
        lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED,
        "it comes to its failpoint",
        meanwhile=lives,
    )


def go_on(process: Forked) -> None:
    """As if nothing had been."""
    process.send_signal(signal.SIGCONT)


def end_its_transactions(database: Database) -> None:
    """End every other session of the schema that has a transaction open, unless the server has done so already."""
    with database.transaction() as session:
        found = session.rows(
            "SELECT t.trx_mysql_thread_id, v.variable_value FROM information_schema.innodb_trx t "
            "JOIN performance_schema.processlist p ON p.id = t.trx_mysql_thread_id "
            "JOIN performance_schema.threads h ON h.processlist_id = p.id "
            "JOIN performance_schema.variables_by_thread v ON v.thread_id = h.thread_id "
            "AND v.variable_name = 'wait_timeout' WHERE p.db = %s AND p.id <> CONNECTION_ID()",
            (database.schema,),
        )
        assert all(int(idle_seconds) <= LANE_SECONDS for _, idle_seconds in found)
        end(session, [number for number, _ in found])


def waits_for_a_lock(database: Database) -> bool:
    """Whether another session of the schema waits for a row."""
    with database.transaction() as session:
        found = session.one(
            # Not innodb_trx: whoever looks at it within a tenth of a second sees what was there at the first look.
            "SELECT COUNT(*) FROM performance_schema.data_lock_waits w JOIN performance_schema.threads t "
            "ON t.thread_id = w.requesting_thread_id WHERE t.processlist_db = %s",
            (database.schema,),
        )
    return bool(found and found[0])
