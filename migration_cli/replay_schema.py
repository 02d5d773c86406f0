"""`migration replay-schema`: what a changed mapping makes of everything that was received, beside what is there."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database_url
from migration_cli.console import Json, lasting, say, say_json, show_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.engine import Database
    from db.registry import RegisteredStream
    from db.shadow_compare import RejectComparison, TableComparison
    from migration_core.mapping import CompiledMapping
    from migration_worker.replaying import Replaying
    from snapshot_loader.progress import Told


@dataclass(frozen=True, slots=True)
class Report:
    """What the command says of a replay."""

    stream: str
    state: str
    rows: int
    rows_meanwhile: int
    """Applied while the tables were compared: at most so many of the differences may be of that."""
    tables: "Sequence[TableComparison]"
    rejects: "Sequence[RejectComparison]"


def replay_schema(
    stream: Annotated[str, typer.Argument(help="The stream to replay.")],
    *,
    mapping: Annotated[
        Path | None, typer.Option(help="The changed mapping. Default: the one that MIGRATION_CONFIG names.")
    ] = None,
    swap: Annotated[
        bool, typer.Option("--swap", help="Put the replayed tables in the place of the present ones.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="Remove the shadow tables, or after a swap those from before it.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Let workers with this mapping write the tables as they are.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a changed mapping over all raw rows into shadow tables, and compare these with the present ones.

    Workers go on meanwhile. The same command goes on from wherever an earlier run stopped, and follows what came since.
    Swap when the differences are what you meant; then start every worker with the new mapping: others write nothing.
    Pause the stream before, and no difference is of rows that changed meanwhile.

    Example: migration replay-schema users --mapping new/migration.yaml
    """
    from db.engine import Database
    from db.registry import registered

    if swap + drop + accept > 1:
        raise typer.BadParameter("--swap, --drop and --accept exclude each other")
    control = Database(database_url(), applies_lanes=True, pool_size=2)
    try:
        found = registered(control, stream)
        if drop:
            _drop(control, found, mapping, as_json=as_json)
        elif accept:
            _accept(control, found, mapping, as_json=as_json)
        else:
            _replay(control, found, mapping, swap=swap, as_json=as_json)
    finally:
        control.close()


def _replay(
    control: "Database", stream: "RegisteredStream", mapping: Path | None, *, swap: bool, as_json: bool
) -> None:
    from db.shadow import newest, rows_done
    from migration_core.errors import ConfigError
    from snapshot_loader.progress import progress_on

    compiled = _compiled(control, stream, mapping)
    open_now = newest(control, stream)
    if swap and (open_now is None or open_now.state not in ("running", "swapping")):
        raise ConfigError(
            f"there is no replay of stream {stream.name!r} to swap: run `migration replay-schema {stream.name}` first, "
            "and look at what it finds"
        )
    shown, progress = progress_on(sys.stderr, _tell)
    with shown:
        replaying = _replaying(control, stream, compiled, progress.advance)
        done, total = rows_done(control, replaying.shadow)
        progress.begin(stream.name, max(total, done))
        progress.advance(done, skipped=True)
        replaying.run()
    if swap:
        _swap(replaying, mapping, as_json=as_json)
        return
    report = _compared(control, replaying)
    if as_json:
        say_json(report)
    else:
        _show(report)


def _compiled(control: "Database", stream: "RegisteredStream", path: Path | None) -> "CompiledMapping":
    from migration_cli.needs import MappingSettings
    from migration_core.errors import ConfigError
    from migration_worker.opening import open_mapping

    found = path or MappingSettings.from_env(os.environ).mapping.path
    mapping = open_mapping(control, found)
    if stream.name not in mapping.streams:
        raise ConfigError(f"{found} has no stream {stream.name!r}: it has {', '.join(sorted(mapping.streams))}")
    return mapping


def _replaying(
    control: "Database", stream: "RegisteredStream", mapping: "CompiledMapping", told: "Callable[[int], None]"
) -> "Replaying":
    from db.shadow import begin
    from db.target import read_target
    from migration_worker.replaying import Replaying
    from runtime.failpoints import failpoints
    from runtime.shutdown import on_terminate
    from runtime.version import version

    reached = failpoints(os.environ)
    with control.transaction() as session:
        target = read_target(session, mapping.target_schema)
    shadow = begin(control, stream, mapping.streams[stream.name], target, reached)
    return Replaying(control, shadow, mapping, version(), on_terminate(), told, reached)


def _compared(control: "Database", replaying: "Replaying") -> Report:
    from db.shadow import rows_done
    from db.shadow_compare import compare_rejects, compare_table
    from db.target import read_target

    shadow, schema = replaying.shadow, replaying.mapping.target_schema
    with control.transaction() as session:
        target = read_target(session, schema)
    done, _ = rows_done(control, shadow)
    tables = [compare_table(control, schema, target.tables[name]) for name in shadow.tables]
    rejects = compare_rejects(control, shadow)
    _, applied = rows_done(control, shadow)
    return Report(shadow.stream.name, "replayed", done, applied - done, tables, rejects)


def _show(report: Report) -> None:
    show_table(
        ("table", "present", "replayed", "only present", "only replayed", "different", "by column"),
        [
            (one.table, one.present, one.replayed, one.only_present, one.only_replayed, one.different,
             ", ".join(f"{name} {count:,}" for name, count in one.columns.items()))
            for one in report.tables
        ],
    )  # fmt: skip
    if report.rejects:
        show_table(
            ("stage", "code", "field path", "new rejects", "gone rejects"),
            [(one.stage, one.code, one.field_path, one.new, one.gone) for one in report.rejects],
        )
    say(
        f"{report.rows:,} rows replayed; {report.rows_meanwhile:,} were applied meanwhile, and may count as differences"
    )
    say(f"put these tables in place: migration replay-schema {report.stream} --swap; or remove them: --drop")


def _swap(replaying: "Replaying", mapping: Path | None, *, as_json: bool) -> None:
    from db.shadow_tables import before_of

    replaying.swap()
    stream, before = replaying.shadow.stream.name, [before_of(name) for name in replaying.shadow.tables]
    if as_json:
        say_json({"stream": stream, "state": "swapped", "mapping_hash": replaying.mapping.hash, "before": before})
        return
    say(f"{stream}: the replayed tables are in place; those from before are {', '.join(before)} until --drop")
    say(
        f"restart every worker with MIGRATION_CONFIG={mapping or os.environ['MIGRATION_CONFIG']}: one with another "
        f"mapping of {stream} leaves with exit code 2 and writes nothing; master and loader may stay as they are"
    )


def _drop(control: "Database", stream: "RegisteredStream", mapping: Path | None, *, as_json: bool) -> None:
    from db.shadow import drop, newest

    found = newest(control, stream)
    if found is None or found.state == "dropped":
        say_json({"stream": stream.name, "state": "none"}) if as_json else say(f"{stream.name}: nothing to drop")
        raise typer.Exit(1)
    drop(control, _compiled(control, stream, mapping).target_schema, found)
    if as_json:
        say_json({"stream": stream.name, "state": found.state if found.state == "swapped" else "dropped"})
    else:
        what = "the tables from before the swap" if found.state == "swapped" else "the shadow tables"
        say(f"{stream.name}: {what} are gone")


def _accept(control: "Database", stream: "RegisteredStream", mapping: Path | None, *, as_json: bool) -> None:
    from db.shadow_swap import accept_mapping

    compiled = _compiled(control, stream, mapping).streams[stream.name]
    accept_mapping(control, stream, compiled.hash)
    if as_json:
        say_json({"stream": stream.name, "mapping_hash": compiled.hash})
    else:
        say(f"{stream.name}: workers with this mapping may write the tables as they are, and others may not")


def _tell(told: "Told") -> None:
    left = "" if told.eta_seconds is None else f", {lasting(told.eta_seconds)} left"
    typer.echo(f"{told.stream}: {told.rows:,} of {told.of:,} rows, {told.rows_per_second:,}/s{left}", err=True)
