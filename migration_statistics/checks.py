"""Whether every statistic of the mapping can run on the processed schema as it is on the server."""

from collections.abc import Iterator
from pathlib import Path

from db.engine import Database
from db.target import read_target
from migration_core.errors import ConfigError
from migration_core.finding import Finding, failed, passed
from migration_statistics.opening import faults
from runtime.statistic_files import read_statistics

PART = "statistics"


def statistic_findings(path: Path, control: Database) -> Iterator[Finding]:
    """One line for each, or for each fault."""
    try:
        mapping, statistics = read_statistics(path)
    except ConfigError as error:
        for fault in str(error).splitlines():
            yield failed(PART, "files", fault, "see the message")
        return
    if not statistics:
        return
    with control.transaction() as session:
        schema = read_target(session, mapping.model.target_schema)
    for one in statistics:
        told = list(faults(control, mapping, one, schema))
        for fault in told:
            yield failed(PART, one.name, fault, "see the message")
        if not told:
            yield passed(PART, one.name, f"{one.mode}, into {one.table}, {one.schedule or 'without a schedule'}")
