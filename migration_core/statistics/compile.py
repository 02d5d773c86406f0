"""From `statistics:` to statistics, against their SQL files; every fault with its place."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain

from migration_core.errors import ConfigError
from migration_core.mapping.loading import Mapping
from migration_core.mapping.model import StatisticModel
from migration_core.printable import printable
from migration_core.statistics.sql_text import SqlFault, SqlText, line_and_column
from migration_core.statistics.statistic import Following, Statistic

ReadFile = Callable[[str], str]
"""The text of a file that the mapping names; ConfigError says why there is none."""


def compile_statistics(mapping: Mapping, read: ReadFile) -> tuple[Statistic, ...]:
    """All statistics; ConfigError names every fault by its place in the mapping or in the SQL file."""
    found, faults = [], []
    for name, model in mapping.model.statistics.items():
        try:
            text = read(model.sql)
        except ConfigError as error:
            faults.append(mapping.fault(str(error), "statistics", name, "sql"))
            continue
        told = [*_sql_faults(model, text), *_mapping_faults(mapping, name, model, text)]
        faults += told
        if not told:
            found.append(_statistic(mapping, name, model, text))
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    return tuple(found)


def _sql_faults(model: StatisticModel, text: str) -> Iterator[str]:
    sql = SqlText(text)
    # What `each` gives is known to the server alone.
    parameters = () if model.each is not None else sql.parameter_faults(model.parameters)
    for fault in chain(sql.faults(pure=model.mode == "incremental"), parameters):
        yield located(model.sql, text, fault)


def located(file: str, text: str, fault: SqlFault) -> str:
    """`file:line:column: …`."""
    line, column = line_and_column(text, fault.offset)
    return f"{file}:{line}:{column}: {printable(fault.message)}"


def _mapping_faults(mapping: Mapping, name: str, model: StatisticModel, text: str) -> Iterator[str]:
    at = ("statistics", name)
    asked = SqlText(text).parameters
    if model.each is not None:
        each = SqlText(model.each)
        for fault in each.faults(pure=False):
            yield mapping.fault(fault.message, *at, "each")
        for name_in_it in sorted(each.parameters):
            yield mapping.fault(f"each takes no parameters; write the value of %({name_in_it})s", *at, "each")
    for parameter in model.parameters:
        if parameter not in asked:
            told = f"the SQL does not ask for {parameter!r}; write %({parameter})s there, or leave it out here"
            yield mapping.fault(told, *at, "parameters", parameter)


def _statistic(mapping: Mapping, name: str, model: StatisticModel, text: str) -> Statistic:
    following, rules = None, ""
    if model.stream is not None and model.members is not None:
        following = Following(model.stream, tuple(model.key), model.members)
        rules = mapping.hash_of(model.stream)
    sql = SqlText(text).sql
    parts = (mapping.hash_of_statistic(name), rules, sql, mapping.model.target_schema)
    return Statistic(
        name=name,
        table=model.table,
        file=model.sql,
        sql=sql,
        parameters=model.parameters,
        schedule=model.schedule,
        each=None if model.each is None else SqlText(model.each).sql,
        following=following,
        definition=sha256("\0".join(parts).encode()).hexdigest(),
        indexes={table: tuple(names) for table, names in model.indexes.items()},
        scan_rows=model.scan_rows,
        sort_rows=model.sort_rows,
    )
