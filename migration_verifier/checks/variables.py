"""What the server gives to sessions of others, and what its binary log keeps: the application's side of the switch."""

from collections.abc import Iterator

from db.engine import STRICT_MODE, Database
from db.schema_facts import read_server
from db.server_facts import ApplicationSettings, application_settings
from migration_core.drift import server_differences, server_statements
from migration_core.finding import Finding, failed, passed, warned

PART = "variables"
_BATCH_SECONDS = 2
"""For how long a worker's transaction may hold a row."""
_SHORTEST_LOCK_WAIT = 5 * _BATCH_SECONDS


def variable_findings(control: Database) -> Iterator[Finding]:
    """Ask the server and judge its answers."""
    yield from _sessions(control)
    yield from judged_settings(application_settings(control))


def _sessions(control: Database) -> Iterator[Finding]:
    """The rule is that of `migration drift`."""
    with control.transaction() as session:
        found = server_differences(STRICT_MODE.split(","), read_server(session))
    for one, statement in zip(found, server_statements(found), strict=True):
        yield failed(
            PART, one.name, f"{one.live}: the application would not read and write as this program", statement.sql
        )
    for name in sorted({"sql_mode", "time_zone"} - {one.name for one in found}):
        yield passed(PART, name, "new sessions are strict" if name == "sql_mode" else "new sessions are in UTC")


def judged_settings(settings: ApplicationSettings) -> Iterator[Finding]:
    """What the binary log and the lock settings mean for the night. Pure."""
    if not settings.log_bin:
        remedy = "turn it on: without it there is no replica, no recovery to a point in time"
        yield warned(PART, "binary log", "off", remedy)
    elif settings.binlog_format == "STATEMENT":
        remedy = "set binlog_format=ROW: READ COMMITTED, in which workers write, is refused otherwise (1665)"
        yield failed(PART, "binary log", "format STATEMENT", remedy)
    elif settings.binlog_row_image != "FULL":
        told = f"row image {settings.binlog_row_image}"
        yield warned(PART, "binary log", told, "set binlog_row_image=FULL: else it cannot tell what a row was before")
    else:
        yield passed(PART, "binary log", f"{settings.binlog_format}, row image FULL")
    waits = f"innodb_lock_wait_timeout={settings.innodb_lock_wait} s"
    if settings.innodb_lock_wait < _SHORTEST_LOCK_WAIT:
        remedy = f"set {_SHORTEST_LOCK_WAIT} s or more: a worker's batch holds its rows for up to {_BATCH_SECONDS} s"
        yield warned(PART, "lock timeouts", waits, remedy)
    else:
        yield passed(PART, "lock timeouts", waits)
    if not settings.deadlock_detect:
        remedy = "set innodb_deadlock_detect=ON: else each deadlock waits for the lock timeout"
        yield warned(PART, "deadlock detection", "off", remedy)
