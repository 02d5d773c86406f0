"""Whether the user of DATABASE_URL may do what each part of the program does."""

from collections.abc import Iterator, Sequence

from db.declared import GRANT, PREFIX
from db.engine import Database
from db.server_facts import own_grants
from migration_core.finding import Finding, failed, passed, warned
from migration_core.grants import missing_rights

PART = "grants"
_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_TABLES = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")


def grant_findings(control: Database, target: str) -> Iterator[Finding]:
    """Ask the server and judge its answer."""
    yield from judged_grants(own_grants(control), control.schema, target)


def judged_grants(grants: Sequence[str], control: str, target: str) -> Iterator[Finding]:
    """What the rights on control, processed and scratch schemas allow. Pure."""
    yield _needed(control, (*_ROWS, *_TABLES), grants)
    yield _needed(target, _ROWS, grants)
    if missing := missing_rights(target, _TABLES, grants):
        told = "`migration replay-schema` makes shadow tables there; else your own migrations need these rights alone"
        yield warned(PART, f"tables of {target}", f"no {', '.join(missing)}", told)
    if missing := missing_rights(f"{PREFIX}x", (*_ROWS, *_TABLES), grants):
        yield warned(PART, "scratch schemas", f"no {', '.join(missing)}", f"for `migration drift`: {GRANT}")


def _needed(schema: str, wanted: Sequence[str], grants: Sequence[str]) -> Finding:
    missing = missing_rights(schema, wanted, grants)
    if not missing:
        return passed(PART, schema, ", ".join(wanted))
    rights = ", ".join(missing)
    return failed(PART, schema, f"no {rights} on the whole schema", f"GRANT {rights} ON `{schema}`.* TO this user")
