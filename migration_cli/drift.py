"""`migration drift`: the live processed schema against the one that its own migrations declare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, say, say_json, show_table, working
from runtime.exits import Exit

if TYPE_CHECKING:
    from migration_core.drift import Statement
    from migration_verifier.drift import Drift

Declared = Annotated[
    Path | None,
    typer.Option(
        "--declared", help="The Alembic folder of the processed schema. Default: `migrations` beside MIGRATION_CONFIG."
    ),
]


def drift(*, declared: Declared = None, as_json: Json = False) -> None:
    """Compare the processed schema with its own migrations, and print the statements that mend each difference.

    The declared schema is built in a scratch schema on the same server, which is dropped again. Exit 1 when anything
    differs. Where a revision was simply not run, run it; the statements are for what was changed by hand.

    Example: migration drift --declared examples/health_devices/migrations
    """
    with working("building the declared schema beside the live one"):
        found = drift_now(declared)
    if as_json:
        say_json(found)
    else:
        _show(found)
    if found.differences:
        raise typer.Exit(Exit.FAILED)


def drift_now(declared: Path | None = None) -> "Drift":
    """What differs at this moment, in the schemas that the environment names."""
    from migration_verifier.drift import find_drift
    from runtime.mapping_file import read_mapping

    mapping, folder = read_mapping(access.needed_mapping_path()).model, access.migrations_folder(declared)
    with access.database() as control:
        return find_drift(
            control, access.database_url(), mapping.target_schema, folder, statistics=mapping.statistic_tables
        )


def _show(found: "Drift") -> None:
    if not found.differences:
        say(f"{found.schema} is as declared")
        return
    show_table(
        ("table", "", "name", "what", "declared", "live"),
        [(one.table or "-", one.subject, one.name, one.what, one.declared, one.live) for one in found.differences],
    )
    say("")
    for statement in found.statements:
        say(_line(statement))


def _line(statement: "Statement") -> str:
    """As the mysql client takes it; a statement that removes data must be chosen by hand."""
    return f"-- removes data: {statement.sql};" if statement.removes_data else f"{statement.sql};"
