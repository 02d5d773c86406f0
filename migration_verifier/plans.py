"""Whether the application's statements will be fast on the target as it is now."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from db import explaining, plan_store
from db.engine import Database, Session, schema_url
from db.schema_facts import read_schema
from migration_core.drift import SchemaFacts
from migration_core.gate import Gate, GateVerdict
from migration_core.plans import ApplicationStatement, Fault, Plan, judged, missing_indexes, plan_of

GATE = "query plan"
_ORDER = (GateVerdict.PASS, GateVerdict.WARN, GateVerdict.FAIL)


@dataclass(frozen=True, slots=True)
class StatementPlan:
    """How one statement would run."""

    name: str
    verdict: GateVerdict
    faults: tuple[Fault, ...]
    before: tuple[str, ...] | None
    """As it was when the statement last passed; None where it never did."""
    now: tuple[str, ...]


def explain_statements(
    control: Database,
    server: str,
    schema: str,
    statements: Sequence[ApplicationStatement],
    *,
    declared: Callable[[str], SchemaFacts],
    analyze: bool = False,
) -> tuple[StatementPlan, ...]:
    """Ask for every plan and judge it; those that pass are kept, to be shown beside later ones.

    `declared` is called, with the live schema's collation, only when an index is missing whose definition is wanted.
    """
    target = Database(schema_url(server, schema), pool_size=1)
    try:
        with target.transaction() as session:
            live = read_schema(session, schema)
            for table in sorted(live.tables) if analyze else ():
                explaining.analyze(session, table)
            live = read_schema(session, schema) if analyze else live
            explaining.prepare(session)
            plans = [_explained(session, one, live) for one in statements]
    finally:
        target.close()
    lost = any(missing_indexes(one, live) for one in statements)
    wanted = declared(live.collation) if lost else None
    with control.transaction() as session:
        before = plan_store.last_good(session, statements)
        found = [
            _judged(one, plan, live, wanted, before.get(one.name)) for one, plan in zip(statements, plans, strict=True)
        ]
        good = [(one, plan.now) for one, plan in zip(statements, found, strict=True) if not plan.faults]
        plan_store.keep(session, good)
    return tuple(found)


def plan_gates(plans: Sequence[StatementPlan]) -> tuple[Gate, ...]:
    """One gate that passes, or one for each statement that has a fault. Pure."""
    return tuple(_unlike(plans)) or (Gate(GATE, GateVerdict.PASS, f"{len(plans)} statements run as they are meant to"),)


def _unlike(plans: Sequence[StatementPlan]) -> Iterator[Gate]:
    for plan in plans:
        if plan.faults:
            found = "; ".join(fault.found for fault in plan.faults)
            remedy = "; ".join(dict.fromkeys(fault.remedy for fault in plan.faults))
            yield Gate(f"{GATE}: {plan.name}", plan.verdict, found, remedy)


def _explained(session: Session, statement: ApplicationStatement, live: SchemaFacts) -> Plan | str:
    try:
        return plan_of(explaining.explained(session, statement), statement.sql, live.tables)
    except explaining.NoSample as error:
        return Plan((), (), str(error))
    except explaining.CannotExplain as error:
        return str(error)


def _judged(
    statement: ApplicationStatement,
    plan: Plan | str,
    live: SchemaFacts,
    declared: SchemaFacts | None,
    before: tuple[str, ...] | None,
) -> StatementPlan:
    if isinstance(plan, str):
        fault = Fault(GateVerdict.FAIL, f"the server refuses it: {plan}", "mend the statement, or the schema")
        return StatementPlan(statement.name, fault.verdict, (fault,), before, ())
    faults = judged(statement, plan, live, declared)
    worst = max((fault.verdict for fault in faults), key=_ORDER.index, default=GateVerdict.PASS)
    return StatementPlan(statement.name, worst, faults, before, plan.lines())
