"""`migration preflight`: whether everything will hold out until the switch."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.check import exit_code, show
from migration_cli.console import Json, say_json, working
from migration_core.service_rights import Service
from runtime.exits import Exit

if TYPE_CHECKING:
    from migration_core.finding import Finding

_HOURS = 72


def preflight(
    *,
    for_hours: Annotated[
        int, typer.Option(min=1, help="How long the plan takes, from the start offsets to the switch.")
    ] = _HOURS,
    service: Annotated[
        Service, typer.Option(help="Look whether the user of DATABASE_URL may do what this service does.")
    ] = Service.SCHEMA,
    as_json: Json = False,
) -> None:
    """Check all that `check` does, and what must hold for the whole plan: rights, retention, dead letters, space.

    Exit 1 when something fails, 75 when the only fault is that a part does not answer.

    Example: migration preflight --for-hours 48 --json
    """
    with working("looking at every part"):
        found = preflight_now(timedelta(hours=for_hours), service)
    say_json(found) if as_json else show(found)
    code = exit_code(found)
    if code is not Exit.DONE:
        raise typer.Exit(code)


def preflight_now(duration: timedelta = timedelta(hours=_HOURS), service: Service = Service.SCHEMA) -> "list[Finding]":
    """What is found at this moment, in the parts that the environment names."""
    from migration_cli.needs import PreflightSettings
    from migration_verifier.preflight import Preflight

    settings = PreflightSettings.from_env(os.environ)
    with access.database() as control:
        looking = Preflight(
            control,
            access.cluster(),
            settings.queue,
            settings.mapping.path,
            access.snapshot_folder(),
            duration,
            service,
        )
        return list(looking.findings())
