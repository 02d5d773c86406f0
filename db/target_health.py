"""How the target does, measured once a second by whichever process comes first, and readable by SQL."""

from dataclasses import dataclass
from datetime import datetime

from db.engine import Database, Session
from db.failure import SqlError
from migration_core.errors import Halted
from migration_core.target_health import Health, HealthLimit, throttled

_ONLY = 1
"""The one row."""
_THREADS = "SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Threads_running'"
_HISTORY = "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'"
_REPLICAS = (
    "SELECT MAX(replica_lag_in_milliseconds) FROM information_schema.replica_host_status "
    "WHERE session_id <> 'MASTER_SESSION_ID'"
)


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """The last measurement, and what came of it."""

    threads_running: int | None
    history_length: int | None
    replica_lag_ms: int | None
    limit: HealthLimit
    throttled: str
    """Why work is held back now, or ""."""
    measured_at: datetime
    stale: bool


class HealthWatch:
    """One process's look at the target; `replica` is a server that the control schema is replicated to."""

    def __init__(self, database: Database, replica: Database | None = None) -> None:
        self._database = database
        self._replica = replica
        self._unknown: set[str] = set()

    def reason(self) -> str:
        """Why to wait now, or ""; measures when nobody has for a second."""
        with self._database.transaction() as session:
            found = target_health(session)
            # Whoever moves the time measures; the others go by what is there.
            mine = found.stale and session.execute(
                "UPDATE target_health SET measured_at = NOW(6) WHERE id = %s AND measured_at = %s",
                (_ONLY, found.measured_at),
            )
        return self._measure(found.limit) if mine else found.throttled

    def _measure(self, limit: HealthLimit) -> str:
        lag, away = self._lag(), ""
        if isinstance(lag, SqlError):
            # Nobody knows how far behind it is: that is no reason to go on.
            lag, away = None, f"the replica cannot be asked ({lag})" if limit.replica_lag_ms is not None else ""
        health = Health(self._ask(_THREADS), self._ask(_HISTORY), lag)
        why = ", ".join(filter(None, (throttled(health, limit), away)))
        with self._database.transaction() as session:
            session.execute(
                "UPDATE target_health SET threads_running = %s, history_length = %s, replica_lag_ms = %s, "
                "throttled = %s WHERE id = %s",
                (health.threads_running, health.history_length, health.replica_lag_ms, why[:500], _ONLY),
            )
        return why

    def _lag(self) -> int | SqlError | None:
        if self._replica is None:
            return self._ask(_REPLICAS)  # where the server keeps such a table
        # The row that every measurement moves is replicated too: its age there is the lag.
        try:
            with self._replica.transaction() as session:
                found = session.one(
                    "SELECT TIMESTAMPDIFF(MICROSECOND, measured_at, NOW(6)) DIV 1000 FROM target_health WHERE id = %s",
                    (_ONLY,),
                )
        except SqlError as error:
            return error
        return None if found is None else max(0, int(found[0]))

    def _ask(self, sql: str) -> int | None:
        """A number, or None where the server has no such table or does not show it to this user."""
        if sql in self._unknown:
            return None
        try:
            with self._database.transaction() as session:
                found = session.one(sql)
        except SqlError as error:
            if error.errno not in _NOT_SHOWN:
                raise
            self._unknown.add(sql)
            return None
        return None if found is None or found[0] is None else int(found[0])


_NOT_SHOWN = frozenset({1109, 1142, 1146, 1227})
"""No such table, or no right to read it."""


def target_health(session: Session) -> TargetHealth:
    """What the last measurement says; one in the future is of before the server's clock was put back."""
    found = session.one(
        "SELECT threads_running, history_length, replica_lag_ms, max_threads_running, max_history_length, "
        "max_replica_lag_ms, throttled, measured_at, "
        "measured_at NOT BETWEEN NOW(6) - INTERVAL 1 SECOND AND NOW(6) + INTERVAL 1 SECOND FROM target_health "
        "WHERE id = %s",
        (_ONLY,),
    )
    if found is None:
        raise Halted("target_health has no row: restore the control schema")
    threads, history, lag, *limits, why, measured_at, stale = found
    return TargetHealth(threads, history, lag, HealthLimit(*limits), why, measured_at, bool(stale))


def set_health_limit(session: Session, limit: HealthLimit) -> None:
    """What the target may have to do from now on; the next measurement goes by it."""
    session.execute(
        "UPDATE target_health SET max_threads_running = %s, max_history_length = %s, max_replica_lag_ms = %s, "
        "throttled = '', measured_at = '2000-01-01' WHERE id = %s",
        (limit.threads_running, limit.history_length, limit.replica_lag_ms, _ONLY),
    )
