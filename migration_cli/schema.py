"""`migration schema`: the control schema, created, upgraded and compared with the code."""

from typing import Annotated

import typer

from migration_cli.access import database, database_url, mapping_path
from migration_cli.console import Json, group, say, say_json
from runtime.exits import Exit

app = group("Create and upgrade the control schema. The processed schema belongs to your own migrations.")


@app.command()
def upgrade(
    *,
    create: Annotated[
        bool, typer.Option("--create", help="First create the schema of DATABASE_URL itself; needs the right to.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the control schema to the revision of this version, and register the streams of MIGRATION_CONFIG.

    Safe to repeat. A stream whose lanes or key differ from what was registered is refused.

    Example: migration schema upgrade --create
    """
    from db.schema import create_schema
    from db.schema import upgrade as upgrade_schema
    from migration_cli.registering import register_streams

    path = mapping_path()
    if create:
        create_schema(database_url())
    with database() as control:
        revision = upgrade_schema(control)
        streams = register_streams(control, path) if path else []
    if as_json:
        say_json({"revision": revision, "streams": streams})
    else:
        say(f"control schema at revision {revision}")
        say(f"streams registered: {', '.join(streams)}" if streams else "no MIGRATION_CONFIG: no stream registered")


@app.command()
def current(*, as_json: Json = False) -> None:
    """Say which revision the server has and which one this version needs; exit 1 when they differ.

    Example: migration schema current --json
    """
    from db import schema

    with database() as control:
        found = schema.current(control)
    wanted = schema.head()
    if as_json:
        say_json({"current": found, "head": wanted})
    else:
        say(f"server: {found or 'no control schema'}; this version needs: {wanted}")
    if found != wanted:
        raise typer.Exit(Exit.FAILED)


@app.command()
def compare(*, as_json: Json = False) -> None:
    """Compare the control schema with the code, column by column; exit 1 when they differ.

    Example: migration schema compare
    """
    from db.schema import differences

    with database() as control:
        found = differences(control)
    if as_json:
        say_json({"differences": found})
    else:
        say("\n".join(found) or "no difference")
    if found:
        raise typer.Exit(Exit.FAILED)
