"""`migration report`: what a director signs, and the evidence behind it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, say, say_json, working
from migration_core.errors import ConfigError
from runtime.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from migration_core.gate import Gate


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

    from migration_core.report import changes
    from migration_verifier.report.gathering import gather
    from migration_verifier.report.writing import write
    from runtime.code_hash import code_hash
    from runtime.mapping_file import compiled
    from runtime.version import version

    earlier = None if since is None else read_earlier(since)
    mapping = compiled(access.needed_mapping_path())
    with working("asking for drift and plans, and gathering the evidence"), access.database() as control:
        made = gather(control, mapping, version=version(), code_hash=code_hash(), drift_and_plans=list(asked_now()))
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


def asked_now() -> "Iterator[Gate]":
    """What the gates of drift and plans say now; one that cannot be asked says why, and that is no pass."""
    from migration_cli.cutover_parts import drift_and_plans
    from migration_core.gate import Gate, GateVerdict

    for name, gates in drift_and_plans(analyze=False):
        try:
            yield from gates()
        except ConfigError as error:
            yield Gate(name, GateVerdict.FAIL, "not asked", str(error))


def read_earlier(file: Path) -> "Mapping[str, Any]":
    """An earlier report; ConfigError when it is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict) and {"made_at", "sections"} <= found.keys():
            return found
    except (OSError, ValueError) as error:
        raise ConfigError(f"--since: cannot read {file}: name the report.json of an earlier report") from error
    raise ConfigError(f"--since: {file} is no report: name the report.json of an earlier report")
