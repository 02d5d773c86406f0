"""`migration replay`: the whole of it on this machine, with an example's data and servers of its own."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from migration_cli.console import Json
from migration_core.errors import ConfigError


def replay(
    *,
    example: Annotated[str, typer.Option(help="health_devices or flights.")] = "health_devices",
    users: Annotated[int | None, typer.Option(min=1, help="Size of health_devices; the rest scales with it.")] = None,
    months: Annotated[int | None, typer.Option(min=1, max=12, help="How much of the year flights replays.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers that apply at once.")] = 2,
    seed: Annotated[int, typer.Option(help="Of health_devices: equal seeds give equal records.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where snapshot, logs and model go.")] = Path(".stack/replay"),
    as_json: Json = False,
) -> None:
    """Replay an example from nothing to a checked copy; exit 1 when the copy differs from what must come out.

    It starts MySQL, Kafka and an SQS server in Docker or natively (STACK=docker|native), and leaves nothing running.

    Example: migration replay --example flights --months 1
    """
    try:
        program = import_module("replay.__main__")  # by name: the replay stands above the commands
    except ModuleNotFoundError as error:
        raise ConfigError(f"the replay needs the source tree, and {error.name} is not here: clone it first") from error
    program.run_all(
        example=example, users=users, months=months, workers=workers, seed=seed, folder=folder, as_json=as_json
    )
