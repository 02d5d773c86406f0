"""`python -m replay`: the local replay, and its steps one by one for containers."""

import json
import os
import sys
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer
from rich.console import Console

from replay.plan import LIVE_SECONDS, Plan
from runtime import exits

_LOG_WIDTH = 132

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=False)

Example = Annotated[str, typer.Option(help="health_devices or flights.")]
Users = Annotated[int | None, typer.Option(help="Size of health_devices; everything scales with it.")]
Months = Annotated[int | None, typer.Option(help="How much of the year flights replays.")]
Seed = Annotated[int, typer.Option(help="Of health_devices: equal seeds give equal records.")]
Stay = Annotated[
    Path | None,
    typer.Option(help="When done, make this file and wait to be stopped: `up --exit-code-from` ends all else."),
]
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
    _end(run(plan, _console(as_json=as_json), folder=folder), as_json=as_json)


@app.command()
def source(
    *,
    example: Example = "health_devices",
    users: Users = None,
    months: Months = None,
    seed: Seed = 1,
    live_seconds: LiveSeconds = LIVE_SECONDS,
    stay: Stay = None,
) -> None:
    """Be the legacy platform: publish what it held, then its live changes. Resumes where it was killed.

    Example: python -m replay source --users 5000
    """
    from replay.source import run_source
    from runtime.shutdown import on_terminate

    plan = Plan(example, users, months, seed=seed, live_seconds=live_seconds)
    stop = on_terminate()
    run_source(
        _kafka(),
        plan.scenario(),
        Path(os.environ["SNAPSHOT_DIR"]),
        live_seconds=live_seconds,
        stop=stop,
        told=lambda count: print(f"{count:,} records published", flush=True) if count % 20_000 == 0 else None,
    )
    _stay(stay, stop)


@app.command()
def load(
    *,
    example: Example = "health_devices",
    users: Users = None,
    months: Months = None,
    seed: Seed = 1,
    stay: Stay = None,
) -> None:
    """Take the snapshot of a running source, once it has published what it held, and load it. Resumes.

    Example: python -m replay load
    """
    from replay.load import run_load
    from runtime.shutdown import on_terminate

    stop = on_terminate()
    run_load(Plan(example, users, months, seed=seed).scenario(), Path(os.environ["SNAPSHOT_DIR"]), stop=stop)
    _stay(stay, stop)


@app.command()
def schema(*, example: Example = "health_devices", stay: Stay = None) -> None:
    """Create and upgrade control and processed schema, register the streams, create the queue. Safe to repeat.

    Example: python -m replay schema --example flights
    """
    from replay.schemas import prepare
    from runtime.shutdown import on_terminate

    stop = on_terminate()
    prepare(Plan(example).scenario(), os.environ)
    _stay(stay, stop)


@app.command()
def check(
    *,
    example: Example = "health_devices",
    users: Users = None,
    months: Months = None,
    seed: Seed = 1,
    folder: Annotated[Path, typer.Option(help="Where the model keeps its state.")] = Path("/tmp/replay"),  # noqa: S108 - a container's own
    report: Annotated[Path, typer.Option(help="Where the sign-off report goes.")] = Path("report"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Wait until everything is applied, and compare every row with the model; exit 1 when anything differs.

    Example: python -m replay check
    """
    from db.engine import Database
    from replay.steps import Steps
    from replay.verify import drain_and_check
    from runtime.settings import DatabaseAccess

    console = _console(as_json=as_json)
    access = DatabaseAccess.model_validate(dict(os.environ))
    database = Database(access.url, pool_size=1)
    scenario = Plan(example, users, months, seed=seed).scenario()
    snapshot = Path(os.environ["SNAPSHOT_DIR"])
    told = drain_and_check(
        database, access.url(), _kafka(), scenario, snapshot, folder, report, steps=Steps(console), console=console
    )
    _end(told, as_json=as_json)


def _stay(done: Path | None, stop: Event) -> None:
    """Say that a job is done without ending its container."""
    if done is not None and not stop.is_set():
        done.touch()
        stop.wait()


def _console(*, as_json: bool) -> Console:
    """Wide enough for the table where nobody looks at a terminal."""
    plain = Console(stderr=as_json)
    return plain if plain.is_terminal else Console(stderr=as_json, width=_LOG_WIDTH)


def _kafka() -> dict[str, str]:
    from runtime.settings import KafkaAccess

    return KafkaAccess.model_validate(dict(os.environ)).config()


def _end(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, indent=2))
    raise typer.Exit(exits.Exit.DONE if told["passed"] else exits.Exit.FAILED)


if __name__ == "__main__":
    sys.exit(exits.run(lambda: app(standalone_mode=False)))
