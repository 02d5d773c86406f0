"""`migration rejects redrive`: rejects of a pattern folded again, after the mapping or the schema was mended."""

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.console import Json, say, say_json, show_table
from migration_cli.people import Who, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.ledger import StreamLedger
    from db.redrive_attempts import Gains

_TELL_SECONDS = 2.0


def redrive(
    pattern: Annotated[str, typer.Argument(help="A pattern as `rejects list` names it, or its first characters.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would happen, and change nothing.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many rejects; call again to go on.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Try again with the rules of the last attempt.")] = False,
    who: Who = "",
    as_json: Json = False,
) -> None:
    """Fold the rejects of a pattern again, by the mapping as it is now, each in its place among its key's rows.

    Rows that waited behind them follow; an image that is older than what stands becomes superseded; what still fails
    stays rejected. Workers may run meanwhile, and a call that died goes on where it was. Rejects are not tried twice
    with the same version, mapping and processed schema.

    Example: migration rejects redrive 3fa9c1d20b --dry-run
    """
    from db.engine import Database
    from db.ledger import ledger
    from db.reject_decisions import the_pattern
    from migration_cli.needs import RedriveSettings
    from migration_worker.redriving import open_redrive
    from runtime.failpoints import failpoints
    from runtime.version import version

    settings = RedriveSettings.from_env(os.environ)
    database = Database(settings.database.url, applies_lanes=True, pool_size=2)
    try:
        chosen = the_pattern(database, pattern)
        opened = open_redrive(
            database, settings.mapping.path, chosen, version=version(), reached=failpoints(os.environ)
        )
        ledgers = [one for one in ledger(database) if one.stream == chosen.stream.name]
        gains, ended = opened.run(
            who=named(who), limit=limit, dry_run=dry_run, force=force, told=_silent if as_json else _progress()
        )
        after = the_pattern(database, chosen.pattern)
        ledgers += [one for one in ledger(database) if one.stream == chosen.stream.name]
    finally:
        database.close()
    if as_json:
        counts = {"before": _counts(chosen.rejects, ledgers[0]), "after": _counts(after.rejects, ledgers[1])}
        say_json({"pattern": chosen.pattern, "dry_run": dry_run, "ended": ended, "state": after.state, "gains": gains,
                  **counts})  # fmt: skip
        return
    show_table(
        ("", "rejects of the pattern", "rejected", "parked", "applied, superseded, filtered"),
        [("before", *_counts(chosen.rejects, ledgers[0]).values()),
         ("after", *_counts(after.rejects, ledgers[1]).values())],
        title=f"{chosen.stream.name}: {chosen.code} at {chosen.field_path or '$'}",
    )  # fmt: skip
    say(_story(gains, dry_run=dry_run))
    if not ended:
        say("stopped at the limit: the same command goes on from there")


def _counts(rejects: int, ledger: "StreamLedger") -> dict[str, int]:
    done = ledger.applied + ledger.superseded + ledger.filtered
    return {"pattern": rejects, "rejected": ledger.rejected, "parked": ledger.parked, "done": done}


def _story(gains: "Gains", *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    told = [
        (
            f"{gains.tried:,} rejects tried: {gains.applied:,} rows {would}applied, {gains.superseded:,} superseded, "
            f"{gains.filtered:,} filtered ({gains.released:,} of them had waited)"
        )
    ]
    if gains.moved:
        told.append(f"{gains.moved:,} fail otherwise now")
    if gains.rekeyed:
        told.append(
            f"{gains.rekeyed:,} have another key than they were stored with, and only a reload moves them to it"
        )
    if gains.left:
        told.append(f"{gains.left:,} need a reload, since later changes were applied over them")
    return "; ".join(told)


def _silent(_lane: int, _gains: "Gains") -> None:
    """Says nothing."""


def _progress() -> "Callable[[int, Gains], None]":
    last = [time.monotonic()]

    def told(lane: int, gains: "Gains") -> None:
        now = time.monotonic()
        if now - last[0] >= _TELL_SECONDS:
            last[0] = now
            typer.echo(f"lane {lane}: {gains.tried:,} tried, {gains.done:,} rows done", err=True)

    return told
