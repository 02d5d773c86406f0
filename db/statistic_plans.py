"""Statistics as statements whose plans are judged before the cut-over: what one piece of a run asks."""

from db.bulk import beside_arguments, quoted
from migration_core.mapping import Mapping
from migration_core.plans import ApplicationStatement, Sample, SampleQuery
from migration_core.plans.statements import SCAN_ROWS, SORT_ROWS
from migration_core.statistics.statistic import Following, Statistic


def statement_of(
    mapping: Mapping, statistic: Statistic, *, scan_rows: int | None = None, sort_rows: int | None = None
) -> ApplicationStatement:
    """As the gate of plans takes it; limits given here stand in where the mapping says none."""
    scans = SCAN_ROWS if scan_rows is None else scan_rows
    sorts = SORT_ROWS if sort_rows is None else sort_rows
    sql, samples = statistic.sql, dict[str, Sample](statistic.parameters)
    if statistic.following is not None:
        sql, keys = _by_key(mapping, statistic.sql, statistic.following)
        samples |= keys
    elif statistic.each is not None:
        asked = [name for name in statistic.asked if name not in samples]
        each = statistic.each.replace("%%", "%")
        samples |= {name: SampleQuery(f"SELECT {quoted(name)} FROM ({each}) AS slice LIMIT 1") for name in asked}
    return ApplicationStatement(
        name=f"statistic {statistic.name}",
        sql=" ".join(sql.split()) if samples else " ".join(sql.split()).replace("%%", "%"),
        parameters=samples,
        indexes=statistic.indexes,
        scan_rows=scans if statistic.scan_rows is None else statistic.scan_rows,
        sort_rows=sorts if statistic.sort_rows is None else statistic.sort_rows,
    )


def _by_key(mapping: Mapping, sql: str, following: Following) -> tuple[str, dict[str, Sample]]:
    """As it is asked for the entities that have changed: the least and the greatest of the stream stand for them."""
    table, model = next(iter(mapping.model.streams[following.stream].tables.items()))
    columns = [f"part.{beside_arguments(quoted(name))}" for name in following.key]
    samples: dict[str, Sample] = {}
    for place, name in enumerate(model.key[: len(columns)]):
        for which in ("MIN", "MAX"):
            samples[f"{which.lower()}_of_key_{place}"] = SampleQuery(
                f"SELECT {which}({quoted(name)}) FROM {quoted(table)}"
            )
    rows = [", ".join(f"%({which}_of_key_{place})s" for place, _ in enumerate(columns)) for which in ("min", "max")]
    key = columns[0] if len(columns) == 1 else f"({', '.join(columns)})"
    wanted = ", ".join(rows if len(columns) == 1 else [f"({one})" for one in rows])
    return f"SELECT * FROM ({sql}) AS part WHERE {key} IN ({wanted})", samples
