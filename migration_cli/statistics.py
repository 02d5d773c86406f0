"""`migration statistics`: tables that a SELECT over the processed schema fills, on a schedule."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, complain, group, lasting, say, say_json, show_table

if TYPE_CHECKING:
    from db.engine import Database
    from db.statistic_runs import StatisticRun
    from migration_core.statistics.statistic import Statistic
    from migration_statistics.running import Manners

_TELL_SECONDS = 2.0
_ANSWER_SECONDS = 3600
"""A statement of a statistic without slices may take long."""

app = group(
    "Statistics on the processed schema, as `statistics:` of the mapping names them.\n\n"
    "Example: migration statistics run active_devices"
)

Name = Annotated[str, typer.Argument(help="The statistic, as the mapping names it.")]


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """Every statistic with its schedule and its last run.

    Example: migration statistics list --json
    """
    with access.database() as control:
        found = [(one, _newest(control, one.name, 1)) for one in _statistics()]
    if as_json:
        say_json([{**_described(one), "last_run": _told(runs[0]) if runs else None} for one, runs in found])
        return
    columns = ("statistic", "table", "mode", "schedule", "last run", "how", "state", "rows", "took")
    show_table(columns, [(one.name, one.table, one.mode, one.schedule, *_last(runs)) for one, runs in found])


@app.command()
def show(
    name: Name,
    *,
    runs: Annotated[int, typer.Option(min=1, help="How many runs, the newest first.")] = 10,
    as_json: Json = False,
) -> None:
    """One statistic: its SQL, what it fills, and its runs.

    Example: migration statistics show active_devices --runs 30
    """
    statistic = _statistic(name)
    with access.database() as control:
        found = _newest(control, name, runs)
    if as_json:
        say_json({**_described(statistic), "sql": statistic.sql, "runs": [_told(one) for one in found]})
        return
    for what, value in _described(statistic).items():
        say(f"{what:<12} {value if value is not None else '-'}")
    say(f"\n{statistic.sql}\n")
    show_table(("run", "began", "how", "state", "rows", "pieces", "took"), [_line(one) for one in found])


@app.command()
def run(
    name: Name,
    *,
    full: Annotated[bool, typer.Option("--full", help="Count everything anew, whatever has changed.")] = False,
    since: Annotated[
        int | None, typer.Option(min=1, help="Count what has changed since this run, instead of since the last.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring a statistic up to date: in full, or by what has changed since its last run where it is incremental.

    A full count goes into shadow tables that take the tables' place in one statement, so nobody reads a half one.
    An interrupted run is gone on with. Exit 75 while another process runs the same statistic.

    Example: migration statistics run active_devices --full
    """
    from migration_statistics.opening import open_statistic
    from migration_statistics.running import Order
    from migration_statistics.running import run as running
    from runtime.version import version

    if full and since is not None:
        raise typer.BadParameter("--full and --since exclude each other")
    with access.database(pool_size=2, answer_seconds=_ANSWER_SECONDS) as control:
        opened = open_statistic(control, access.needed_mapping_path(), name)
        order = Order(version(), full=full, since=since)
        found = running(control, opened, order, _manners(control, quiet=as_json))
        (found,) = _newest(control, name, 1)
    if as_json:
        say_json(_told(found))
    else:
        say(f"{name}: {_how(found)}; {found.rows:,} rows in {found.chunks:,} pieces, {lasting(found.seconds)}")


def _manners(control: "Database", *, quiet: bool) -> "Manners":
    from db.target_health import HealthWatch
    from migration_statistics.running import Manners
    from runtime.failpoints import failpoints
    from runtime.shutdown import on_terminate

    told = _silent if quiet else _progress()
    return Manners(HealthWatch(control).reason, on_terminate().wait, told, failpoints(os.environ))


def _silent(_run: "StatisticRun", _what: str) -> None:
    pass


def _progress() -> "Callable[[StatisticRun, str], None]":
    """A line on stderr when something begins, and every two seconds while it goes on."""
    began = last = time.monotonic()
    at_first: list[int] = []

    def told(run: "StatisticRun", what: str) -> None:
        nonlocal last
        at_first[:] = at_first or [run.rows]
        now = time.monotonic()
        if what != "counted":
            complain(f"{run.statistic}: run {run.run_id} {what}, {_how(run)}")
        elif now - last >= _TELL_SECONDS:
            last = now
            rate = (run.rows - at_first[0]) / (now - began)
            complain(f"{run.statistic}: {run.rows:,} rows in {run.chunks:,} pieces, {rate:,.0f} rows/s")

    return told


def _statistics() -> "tuple[Statistic, ...]":
    from runtime.statistic_files import read_statistics

    return read_statistics(access.needed_mapping_path())[1]


def _statistic(name: str) -> "Statistic":
    from migration_core.statistics.statistic import named

    return named(_statistics(), name)


def _newest(control: "Database", name: str, limit: int) -> "list[StatisticRun]":
    from db.statistic_runs import newest

    with control.transaction() as session:
        return newest(session, name, limit)


def _described(statistic: "Statistic") -> dict[str, object]:
    following = statistic.following
    return {
        "name": statistic.name,
        "table": statistic.table,
        "mode": statistic.mode,
        "schedule": statistic.schedule,
        "file": statistic.file,
        "parameters": dict(statistic.parameters),
        "each": statistic.each,
        "stream": following.stream if following else None,
        "members": following.members if following else None,
    }


def _told(run: "StatisticRun") -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "statistic": run.statistic,
        "state": run.step,
        "full": run.full,
        "why_full": run.why or None,
        "since": run.since,
        "rows": run.rows,
        "pieces": run.chunks,
        "began_at": run.started_at,
        "ended_at": run.finished_at,
        "seconds": run.seconds,
    }


def _how(run: "StatisticRun") -> str:
    return f"in full ({run.why})" if run.full else f"what has changed since run {run.since}"


def _last(runs: "list[StatisticRun]") -> tuple[object, ...]:
    if not runs:
        return (None, "never ran", None, None, None)
    (run,) = runs
    return (f"{run.started_at:%Y-%m-%d %H:%M:%S}", _how(run), run.step, run.rows, lasting(run.seconds))


def _line(run: "StatisticRun") -> tuple[object, ...]:
    began = f"{run.started_at:%Y-%m-%d %H:%M:%S}"
    return (run.run_id, began, _how(run), run.step, run.rows, run.chunks, lasting(run.seconds))
