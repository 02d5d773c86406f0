"""`migration report`: what a director signs, and the evidence behind it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say, say_json
from migration_core.errors import ConfigError
from runtime.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from db.engine import Database
    from migration_core.report import Answers


def report(
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder for report.html, report.json and the CSV files.")],
    since: Annotated[
        Path | None, typer.Option("--since", help="The report.json of an earlier report, to say what has changed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the sign-off report: one page that needs no network, the same as JSON, and each table as CSV.

    Exit 1 when a point stands against a signature; what was not done counts as not signed off.

    Example: migration report --out report --since earlier/report.json
    """
    from dataclasses import replace

    from migration_cli.needs import MappingSettings
    from migration_core.report import changes
    from migration_verifier.report.gathering import gather
    from migration_verifier.report.writing import write
    from runtime.code_hash import code_hash
    from runtime.mapping_file import compiled
    from runtime.version import version

    earlier = None if since is None else read_earlier(since)
    mapping = compiled(MappingSettings.from_env(os.environ).mapping.path)
    with database() as control:
        made = gather(
            control,
            target_schema=mapping.target_schema,
            mapping_hash=mapping.hash,
            version=version(),
            code_hash=code_hash(),
            answers=answers(control),
        )
    if earlier is not None:
        made = replace(made, sections=(*made.sections, changes(earlier, made.sections)))
    files = write(made, out)
    open_points = [one.title for one in made.open_points]
    if as_json:
        say_json({"ready": made.ready, "open": open_points, "files": files})
    else:
        say("ready to be signed" if made.ready else f"not ready to be signed: {'; '.join(open_points)}")
        say(str(files[0]))
    if not made.ready:
        raise typer.Exit(Exit.FAILED)


def answers(_control: "Database") -> "Answers":
    """What other parts of the program add: verification, drift and plans, and who accepted what."""
    from migration_core.report import Answers

    return Answers()


def read_earlier(file: Path) -> "Mapping[str, Any]":
    """An earlier report; ConfigError when it is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict) and {"made_at", "sections"} <= found.keys():
            return found
    except (OSError, ValueError) as error:
        raise ConfigError(f"--since: cannot read {file}: name the report.json of an earlier report") from error
    raise ConfigError(f"--since: {file} is no report: name the report.json of an earlier report")
