"""Statistics of a mapping, checked against the live processed schema as far as the server can tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db.engine import Database, Session
from db.failure import SqlError, sql_error
from db.statistic_sql import Counting
from db.target import read_target
from migration_core.errors import ConfigError
from migration_core.mapping import Mapping
from migration_core.statistics.fit import column_misfits, misfits, shape_of
from migration_core.statistics.statistic import Statistic, named
from migration_core.target import TargetSchema
from runtime.statistic_files import read_statistics


@dataclass(frozen=True, slots=True)
class Opened:
    """One statistic that fits, and its statements."""

    statistic: Statistic
    schema: str
    mapping_hash: str
    counting: Counting


def open_statistic(database: Database, path: Path, name: str) -> Opened:
    """The statistic of that name; ConfigError says all that stands against it."""
    mapping, statistics = read_statistics(path)
    statistic = named(statistics, name)
    with database.transaction() as session:
        schema = read_target(session, mapping.model.target_schema)
    if told := list(faults(database, mapping, statistic, schema)):
        raise ConfigError("\n".join(told))
    counting = Counting(statistic, schema.name, shape_of(schema.tables[statistic.table]))
    return Opened(statistic, schema.name, mapping.hash, counting)


def faults(database: Database, mapping: Mapping, statistic: Statistic, schema: TargetSchema) -> Iterator[str]:
    """Why a statistic cannot run on this schema, each with its place in the mapping."""
    stream = mapping.model.streams.get(statistic.following.stream) if statistic.following else None
    told = list(misfits(statistic, schema, stream.tables if stream else ()))
    if not told:
        with database.transaction() as session:
            told = _column_faults(session, statistic, schema)
    for message in told:
        yield mapping.fault(message, "statistics", statistic.name)


def _column_faults(session: Session, statistic: Statistic, schema: TargetSchema) -> list[str]:
    shape = shape_of(schema.tables[statistic.table])
    try:
        given = Counting(statistic, schema.name, shape).columns(session)
    except KeyError as error:
        return [f"%({error.args[0]})s in {statistic.file} has no value; write it below `parameters:`"]
    except Exception as error:
        if isinstance(meaning := sql_error(error), SqlError) and not meaning.lost_connection:
            return [f"the server refuses {statistic.file}: {meaning}"]
        raise
    return list(column_misfits(statistic, shape, given))
