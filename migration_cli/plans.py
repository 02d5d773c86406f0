"""`migration plans`: how the application's statements would run on the loaded target."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, say, say_json, show_table, working
from migration_cli.drift import Declared
from runtime.exits import Exit

if TYPE_CHECKING:
    from migration_core.drift import SchemaFacts
    from migration_core.plans import ApplicationStatement
    from migration_verifier.plans import StatementPlan

FILE = "statements.yaml"


def plans(
    file: Annotated[
        Path | None, typer.Argument(help=f"The statements. Default: {FILE} beside MIGRATION_CONFIG.")
    ] = None,
    *,
    scan_rows: Annotated[
        int | None, typer.Option(min=0, help="Fail a scan of more rows, where the statement does not say.")
    ] = None,
    sort_rows: Annotated[
        int | None, typer.Option(min=0, help="Fail a sort or temporary table of more rows, likewise.")
    ] = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="First let the server count again (ANALYZE TABLE), as after a load.")
    ] = False,
    declared: Declared = None,
    as_json: Json = False,
) -> None:
    """Explain the application's statements on the target, and fail those that would be slow under load.

    A statement fails when an index that it is meant to use is missing, hidden or not used, or when it scans or sorts
    too many rows. The plan of today stands beside the one with which it last passed. Exit 1 when one fails.
    The mapping's statistics are among them.

    Example: migration plans examples/health_devices/statements.yaml --analyze
    """
    statements = read_statements(file, scan_rows=scan_rows, sort_rows=sort_rows)
    with working("explaining the application's statements"):
        found = plans_now(statements, declared=declared, analyze=analyze)
    if as_json:
        say_json(found)
    else:
        _show(found)
    if any(one.verdict == "fail" for one in found):
        raise typer.Exit(Exit.FAILED)


def plans_now(
    statements: "Sequence[ApplicationStatement]", *, declared: Path | None = None, analyze: bool = False
) -> "tuple[StatementPlan, ...]":
    """How they would run at this moment, on the target that the environment names."""
    from migration_verifier.plans import explain_statements
    from runtime.mapping_file import read_mapping

    schema = read_mapping(access.needed_mapping_path()).model.target_schema
    with access.database() as control:

        def wanted(collation: str) -> "SchemaFacts":
            from db.declared import declared_schema

            folder = access.migrations_folder(declared)
            return declared_schema(control, access.database_url(), folder, collation=collation)

        return explain_statements(control, access.database_url(), schema, statements, declared=wanted, analyze=analyze)


def read_statements(
    file: Path | None = None, *, scan_rows: int | None = None, sort_rows: int | None = None
) -> "tuple[ApplicationStatement, ...]":
    """Those in `file`, or beside the mapping, and those of the mapping's statistics."""
    from db.statistic_plans import statement_of
    from migration_core.errors import ConfigError
    from migration_core.plans import load_statements
    from runtime.statistic_files import read_statistics

    path = file or access.needed_mapping_path().parent / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"cannot read {path} ({reason}); name the file of statements") from error
    statements = load_statements(text, file=str(path), scan_rows=scan_rows, sort_rows=sort_rows)
    mapping, statistics = read_statistics(access.needed_mapping_path())
    limits = {"scan_rows": scan_rows, "sort_rows": sort_rows}
    return (*statements, *(statement_of(mapping, one, **limits) for one in statistics))


def _show(found: "Sequence[StatementPlan]") -> None:
    rows = [
        (one.verdict, one.name, fault.found if fault else "; ".join(one.now), fault.remedy if fault else "")
        for one in found
        for fault in (one.faults or (None,))
    ]
    show_table(("", "statement", "found", "remedy"), rows)
    for one in found:
        if one.faults or (one.before is not None and one.before != one.now):
            say(f"\n{one.name}")
            for line in ("never passed before",) if one.before is None else one.before:
                say(f"  before  {line}")
            for line in one.now:
                say(f"  now     {line}")
