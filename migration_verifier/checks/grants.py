"""Whether the user of DATABASE_URL may do what one service needs, or all that a whole migration needs."""

from collections.abc import Iterator, Sequence

from db.declared import GRANT, PREFIX
from db.engine import Database
from db.raw import table_of
from db.server_facts import own_grants
from db.shadow_tables import passing
from db.target import tables_with_triggers
from migration_core.finding import Finding, failed, passed, warned
from migration_core.grants import missing_rights
from migration_core.mapping import CompiledMapping
from migration_core.service_rights import Need, Service, Tables, Where, needs

PART = "grants"


def grant_findings(
    control: Database, mapping: CompiledMapping, service: Service, statistics: Sequence[str] = ()
) -> Iterator[Finding]:
    """Ask the server and judge its answer; `statistics` are the tables that those fill."""
    with control.transaction() as session:
        triggered = tables_with_triggers(session, mapping.target_schema)
    raw = tuple(map(table_of, mapping.streams))
    tables = Tables(raw, mapping.table_names, triggered, tuple(statistics), passing(statistics))
    yield from judged_grants(own_grants(control), control.schema, mapping.target_schema, needs(service, tables))


def judged_grants(grants: Sequence[str], control: str, target: str, needed: Sequence[Need]) -> Iterator[Finding]:
    """What the rights of SHOW GRANTS allow of what is needed. Pure."""
    names = {Where.CONTROL: control, Where.TARGET: target, Where.SCRATCH: f"{PREFIX}x"}
    for need in needed:
        if need.table is None:
            yield from _of_schema(need, names[need.where], missing_rights(names[need.where], need.rights, grants))
    for where in (Where.CONTROL, Where.TARGET):
        yield from _of_tables([need for need in needed if need.where is where and need.table], names[where], grants)


def _of_schema(need: Need, schema: str, missing: Sequence[str]) -> Iterator[Finding]:
    rights = ", ".join(missing)
    if not need.only_for:
        if missing:
            told = f"GRANT {rights} ON `{schema}`.* TO this user"
            yield failed(PART, schema, f"no {rights} on the whole schema", told)
        else:
            yield passed(PART, schema, ", ".join(need.rights))
    elif missing and need.where is Where.SCRATCH:
        yield warned(PART, "scratch schemas", f"no {rights}", f"for {need.only_for}: {GRANT}")
    elif missing:
        yield warned(PART, f"tables of {schema}", f"no {rights}", f"needed by {need.only_for}, and by nothing else")


def _of_tables(needed: Sequence[Need], schema: str, grants: Sequence[str]) -> Iterator[Finding]:
    short = 0
    for need in needed:
        if missing := missing_rights(schema, need.rights, grants, need.table):
            short += 1
            rights = ", ".join(missing)
            told = f"GRANT {rights} ON `{schema}`.`{need.table}` TO this user, as `migration schema grants` does"
            yield failed(PART, f"{schema}.{need.table}", f"no {rights}", told)
    if needed and not short:
        yield passed(PART, f"tables of {schema}", f"the rights on {len(needed)}")
