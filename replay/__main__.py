"""`python -m replay`: the local replay, and its steps one by one for containers."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from replay.plan import LIVE_SECONDS, Plan
from runtime import exits

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=False)

Example = Annotated[str, typer.Option(help="health_devices or flights.")]
Users = Annotated[int | None, typer.Option(help="Size of health_devices; everything scales with it.")]
Months = Annotated[int | None, typer.Option(help="How much of the year flights replays.")]
Seed = Annotated[int, typer.Option(help="Of health_devices: equal seeds give equal records.")]
LiveSeconds = Annotated[float, typer.Option(help="Over which the live changes are spread.")]


@app.command("run")
def run_all(
    *,
    example: Example = "health_devices",
    users: Users = None,
    months: Months = None,
    workers: Annotated[int, typer.Option(help="Workers that apply at once.")] = 2,
    seed: Seed = 1,
    live_seconds: LiveSeconds = LIVE_SECONDS,
    folder: Annotated[Path, typer.Option(help="Where snapshot, logs and model go.")] = Path(".stack/replay"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Replay an example from nothing to a checked copy, with servers of its own or in Docker.

    Example: python -m replay run --example flights --months 1
    """
    from replay.run import run

    plan = Plan(example, users, months, workers, seed, live_seconds)
    _end(run(plan, Console(stderr=as_json), folder=folder), as_json=as_json)


@app.command()
def source(
    *,
    example: Example = "health_devices",
    users: Users = None,
    months: Months = None,
    seed: Seed = 1,
    live_seconds: LiveSeconds = LIVE_SECONDS,
) -> None:
    """Be the legacy platform: publish what it held, then its live changes. Resumes where it was killed.

    Example: python -m replay source --users 5000
    """
    from replay.source import run_source
    from runtime.shutdown import on_terminate

    plan = Plan(example, users, months, seed=seed, live_seconds=live_seconds)
    run_source(
        _kafka(),
        plan.scenario(),
        Path(os.environ["SNAPSHOT_DIR"]),
        live_seconds=live_seconds,
        stop=on_terminate(),
        told=lambda count: print(f"{count:,} records published", flush=True) if count % 20_000 == 0 else None,
    )


def _kafka() -> dict[str, str]:
    from runtime.settings import KafkaAccess

    return KafkaAccess.model_validate(dict(os.environ)).config()


def _end(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, indent=2))
    raise typer.Exit(exits.Exit.DONE if told["passed"] else exits.Exit.FAILED)


if __name__ == "__main__":
    sys.exit(exits.run(lambda: app(standalone_mode=False)))
