"""`migration purge`: raw rows, outcomes and finished runs that nothing needs any more."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from migration_cli.access import database
from migration_cli.console import Json, say, say_json
from migration_cli.stream_names import chosen, refuse_unclear

if TYPE_CHECKING:
    from db.engine import Database
    from migration_core.gate import Gate


def purge(
    streams: Annotated[list[str] | None, typer.Argument(help="Names of streams.")] = None,
    *,
    all_streams: Annotated[bool, typer.Option("--all", help="Every registered stream.")] = False,
    older_than: Annotated[int, typer.Option(min=0, help="Days: what is younger stays.")] = 30,
    everything: Annotated[
        bool,
        typer.Option("--everything", help="Also the newest row of each key: for streams that have come to their end."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many rows would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove raw rows that a later row of their key has outdated, and finished runs; never beyond what is audited.

    What stays: the newest good row of each key, rejected and parked rows, and all bytes kept with rejects. So verify,
    redrive and replays work as before, and the ledger still counts what is gone. With --everything a paused stream
    loses all its rows: nothing can be verified, redriven or replayed from them again.

    Example: migration purge users --older-than 90 --dry-run
    """
    refuse_unclear(streams or [], everything=all_streams)
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=older_than)
    with database() as control:
        names = _named(control, streams or [], everything=all_streams)
        shut = [gate for name in names if (gate := _gate(control, name, everything=everything)).remedy]
        if shut:
            _refuse(shut, as_json=as_json)
        rows, runs = _counted(control, names, before, everything=everything)
        if not dry_run:
            if not yes:
                typer.confirm(f"Remove {_words(rows, runs)} for good?", abort=True, err=True)
            rows, runs = _removed(control, names, before, everything=everything)
    if as_json:
        say_json({"removed": not dry_run, "rows": rows, "runs": runs})
    else:
        say(f"{_words(rows, runs)} {'would go' if dry_run else 'are gone'}")


def _refuse(shut: "list[Gate]", *, as_json: bool) -> NoReturn:
    if as_json:
        say_json({"gates": shut})
    else:
        for one in shut:
            say(f"gate {one.verdict}: {one.found}; {one.remedy}")
    raise typer.Exit(1)


def _words(rows: dict[str, int], runs: int) -> str:
    raw = ", ".join(f"{count:,} raw rows of {name}" for name, count in rows.items())
    return f"{raw} and {runs:,} finished runs"


def _named(control: "Database", asked: list[str], *, everything: bool) -> list[str]:
    from db.stream_state import states

    with control.transaction() as session:
        return chosen(asked, [one.stream for one in states(session)], everything=everything)


def _gate(control: "Database", stream: str, *, everything: bool) -> "Gate":
    from db.purge import purge_facts
    from migration_core.purging import purge_gate

    return purge_gate(purge_facts(control, stream), everything=everything)


def _counted(
    control: "Database", names: list[str], before: datetime, *, everything: bool
) -> tuple[dict[str, int], int]:
    from db.purge import finished_runs
    from migration_verifier.equality import oldest_that_counts
    from migration_verifier.purging import may_go

    rows = {name: may_go(control, name, before, everything=everything) for name in names}
    return rows, finished_runs(control, before, oldest_that_counts(control))


def _removed(
    control: "Database", names: list[str], before: datetime, *, everything: bool
) -> tuple[dict[str, int], int]:
    from db.purge import remove_runs
    from migration_verifier.equality import oldest_that_counts
    from migration_verifier.purging import purge_stream

    rows = {}
    for name in names:

        def told(lane: int, count: int, name: str = name) -> None:
            typer.echo(f"{name} lane {lane}: {count:,} rows removed", err=True)

        rows[name] = purge_stream(control, name, before, everything=everything, told=told)
    return rows, remove_runs(control, before, oldest_that_counts(control))
