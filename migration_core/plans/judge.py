"""Whether a plan will do under load, and what mends it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migration_core.drift import IndexFacts, SchemaFacts, TableFacts
from migration_core.drift.names import quoted
from migration_core.gate import GateVerdict
from migration_core.plans.explain import Plan
from migration_core.plans.statements import ApplicationStatement

_FEW_ROWS = 100
"""Of so few, the optimiser rightly reads all, whatever indexes there are."""


_BEST = frozenset({"Select tables optimized away", "No tables used"})
"""Said where nothing has to be read at all, but for the ends of an index."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a plan."""

    verdict: GateVerdict
    found: str
    remedy: str


def judged(
    statement: ApplicationStatement, plan: Plan, live: SchemaFacts, declared: SchemaFacts | None
) -> tuple[Fault, ...]:
    """Everything wrong with the plan; `declared` is where the definition of a missing index stands."""
    return (
        *_indexes(statement, plan, live, declared),
        *_unplanned(plan),
        *_scans(statement, plan),
        *_sorts(statement, plan),
    )


def missing_indexes(statement: ApplicationStatement, live: SchemaFacts) -> Mapping[str, tuple[str, ...]]:
    """By table: those that the statement is meant to use and that are not there."""
    return {
        table: missing
        for table, names in statement.indexes.items()
        if (missing := tuple(name for name in names if _index(live, table, name) is None))
    }


def _indexes(
    statement: ApplicationStatement, plan: Plan, live: SchemaFacts, declared: SchemaFacts | None
) -> Iterator[Fault]:
    missing = missing_indexes(statement, live)
    for table, names in statement.indexes.items():
        for name in missing.get(table, ()):
            yield _missing(live, declared, table, name)
        hidden = [name for name in names if (index := _index(live, table, name)) and not index.visible]
        for name in hidden:
            mend = f"ALTER TABLE {_qualified(live, table)} ALTER INDEX {quoted(name)} VISIBLE"
            yield Fault(GateVerdict.FAIL, f"index {name} of {table} is invisible, so it is never used", mend)
        if table not in missing and not hidden:
            yield from _unused(table, names, plan, live)


def _unused(table: str, names: tuple[str, ...], plan: Plan, live: SchemaFacts) -> Iterator[Fault]:
    if plan.message:
        return
    used = [access for access in plan.accesses if access.table == table]
    if any(set(access.indexes) & set(names) for access in used):
        return
    wanted = " or ".join(names)
    told = "; ".join(map(str, used)) or "not read at all"
    rows = live.tables[table].rows
    if rows < _FEW_ROWS:
        remedy = "explain it where the table is loaded (--analyze, if it just was)"
        yield Fault(
            GateVerdict.WARN, f"{table} has about {rows} rows: too few to tell whether {wanted} is used", remedy
        )
        return
    remedy = f"run with --analyze; if it stays so, mend the statement, or what it says of {table}"
    yield Fault(GateVerdict.FAIL, f"{table} is not read by {wanted} ({told})", remedy)


def _unplanned(plan: Plan) -> Iterator[Fault]:
    if plan.message and plan.message not in _BEST:
        remedy = "choose sample parameters that some row matches: else the optimiser tells no plan"
        yield Fault(GateVerdict.WARN, f"no plan: {plan.message}", remedy)


def _missing(live: SchemaFacts, declared: SchemaFacts | None, table: str, name: str) -> Fault:
    if table not in live.tables:
        return Fault(GateVerdict.FAIL, f"table {table} is missing", "run the migrations of the processed schema")
    index = _index(declared, table, name) if declared else None
    if index is None:
        remedy = f"no revision declares {name}: write one, or mend the file of statements"
    else:
        remedy = f"ALTER TABLE {_qualified(live, table)} ADD {index.definition}"
    return Fault(GateVerdict.FAIL, f"index {name} of {table} is missing", remedy)


def _scans(statement: ApplicationStatement, plan: Plan) -> Iterator[Fault]:
    for access in plan.accesses:
        if access.is_scan and access.rows > statement.scan_rows:
            what = f"the whole index {', '.join(access.indexes)}" if access.indexes else "all rows"
            told = f"{access.table}: {what} are read, about {access.rows:,}; the limit is {statement.scan_rows:,}"
            yield Fault(GateVerdict.FAIL, told, f"give {access.table} an index for its conditions, or raise scan_rows")


def _sorts(statement: ApplicationStatement, plan: Plan) -> Iterator[Fault]:
    for sort in plan.sorts:
        if sort.rows > statement.sort_rows:
            told = f"{sort.kind} of about {sort.rows:,} rows; the limit is {statement.sort_rows:,}"
            yield Fault(GateVerdict.FAIL, told, "give it an index in the order that it asks for, or raise sort_rows")


def _index(schema: SchemaFacts, table: str, name: str) -> IndexFacts | None:
    found: TableFacts | None = schema.tables.get(table)
    return found.index(name) if found else None


def _qualified(schema: SchemaFacts, table: str) -> str:
    return f"{quoted(schema.name)}.{quoted(table)}"
