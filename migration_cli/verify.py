"""`migration verify`: whether the processed tables hold exactly what the raw rows say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, say, say_json, show_table
from migration_core.errors import ConfigError
from runtime.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.engine import Database
    from migration_core.manifest import Part, StreamSnapshot
    from migration_core.records import Received
    from migration_verifier.verify_against import SnapshotPart
    from migration_verifier.verify_run import Verification

_SAMPLES = 3


def verify(
    streams: Annotated[list[str] | None, typer.Argument(help="Only these streams; left out, all.")] = None,
    *,
    since_last: Annotated[
        bool, typer.Option("--since-last", help="Only what changed since the last run that found everything equal.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 2,
    most_running: Annotated[
        int, typer.Option("--threads-running", min=0, help="Wait while the server runs more statements; 0 never waits.")
    ] = 0,
    keep: Annotated[int, typer.Option(min=0, help="Differences of one pattern to keep; all are counted.")] = 100_000,
    against: Annotated[
        Path | None, typer.Option(help="A fresh snapshot folder of the legacy platform, instead of the raw rows.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Show what the last run found, and compare nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Derive from the raw rows what every processed row must be, and compare: missing, extra and different.

    It may run while changes arrive, and goes on where an interrupted run stands. Exit 1 on any difference.

    Example: migration verify users devices --workers 2
    """
    from migration_verifier.processes import make_ready

    if workers > 1 and not listing and against is None:
        make_ready()  # before this process loads the same
    from migration_verifier.verify import Order
    from migration_verifier.verify import verify as run
    from migration_verifier.verify_run import last_verification
    from runtime.version import version

    with access.database() as control:
        if listing:
            found = last_verification(control)
            if found is None:
                raise ConfigError("nothing was ever verified; run `migration verify`")
        elif against is not None:
            found = _verify_against(control, tuple(streams or ()), against, keep)
        else:
            order = Order(
                url=access.database_url(),
                mapping=access.needed_mapping_path(),
                version=version(),
                streams=tuple(streams or ()),
                since_last=since_last,
                workers=workers,
                most_running=most_running,
                keep=keep,
            )
            found = run(control, order, resumed=_resumed(quiet=as_json), told=_progress(quiet=as_json))
        _show(control, found, samples=listing, as_json=as_json)
    if not found.equal:
        raise typer.Exit(Exit.FAILED)


def _verify_against(control: "Database", streams: tuple[str, ...], folder: Path, keep: int) -> "Verification":
    from collections import Counter

    from migration_verifier import verify_run
    from migration_verifier.verify_against import Against, without_places
    from runtime.version import version
    from snapshot_loader.folder import chosen, read_manifest

    mapping, checks = verify_run.open_checks(control, access.needed_mapping_path(), streams)
    snapshots = chosen(read_manifest(folder), mapping.streams, streams, file=str(folder))
    for one in snapshots:
        if one.partial:
            raise ConfigError(f"the snapshot of {one.name} is a log of changes: take one of whole documents")
    checks = {one.name: checks[one.name] for one in snapshots}
    run_id = verify_run.begin_against(control, mapping, checks, str(folder), version=version())
    compared: Counter[str] = Counter()
    for one in snapshots:
        check = checks[one.name]
        compared += Against(control, run_id, check, without_places(check), keep).run(_parts(folder, one))
    return verify_run.finish(control, run_id, compared=compared)


def _parts(folder: Path, snapshot: "StreamSnapshot") -> "Iterator[SnapshotPart]":
    """Every record that follows its container; what does not is a reject, and no document."""
    from contextlib import suppress

    from migration_core.containers import CONTAINERS
    from migration_core.errors import Rejected
    from migration_verifier.verify_against import SnapshotPart
    from snapshot_loader.reading import PartReader

    parse = CONTAINERS[snapshot.container]

    def records(part: "Part") -> "Iterator[Received]":
        for chunk in PartReader(folder, part, snapshot.compression).chunks():
            for number, line in enumerate(chunk.lines, chunk.first_line):
                with suppress(Rejected):
                    yield parse(line, number)

    for number, part in enumerate(snapshot.parts, 1):
        yield SnapshotPart(part.file, number, records(part))


def _resumed(*, quiet: bool) -> "Callable[[int], None]":
    def told(run_id: int) -> None:
        if not quiet:
            typer.echo(f"verification {run_id} was interrupted, and goes on", err=True)

    return told


def _progress(*, quiet: bool) -> "Callable[[str, int, int], None]":
    """A line on stderr for each tenth of the work."""

    def told(what: str, done: int, units: int) -> None:
        if not quiet and done * 10 // units > (done - 1) * 10 // units:
            typer.echo(f"{what}: {done:,} of {units:,} parts", err=True)

    return told


def _show(control: "Database", found: "Verification", *, samples: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from db.verify_store import differences

    with control.transaction() as session:
        kept = differences(session, found.run_id, limit=None if samples and as_json else _SAMPLES)
    if as_json:
        told = {**asdict(found), "equal": found.equal, "differences": found.differences}
        say_json({**told, "samples": [asdict(one) for one in kept]})
        return
    rows = [(table, count, found.walked.get(table)) for table, count in found.compared.items()]
    show_table(("table", "rows compared", "keys walked"), rows)
    if found.patterns:
        show_table(
            ("stream", "table", "kind", "column", "pattern", "differences"),
            [(one.stream, one.table, one.kind, one.column, one.pattern, one.differences) for one in found.patterns],
        )
    if found.assertions:
        show_table(("stream", "assertion", "groups", "holds"), _assertions(found))
    for one in found.assertions:
        for odd in one.disagreements:
            say(f"{one.name}: {odd.group}: documents say {odd.documents or 0}, tables {odd.tables or 0}")
    if samples:
        show_table(
            ("table", "kind", "column", "primary key", "expected", "actual"),
            [
                (one.table, one.kind, one.column, ", ".join(map(str, one.primary_key)), one.expected, one.actual)
                for one in kept
            ],
        )
    told_rows = f"{sum(found.compared.values()):,} rows"
    broken = sum(bool(one.disagreements) for one in found.assertions)
    words = f"{found.differences:,} differences in {told_rows}" + (f", {broken} broken assertions" if broken else "")
    say(f"{told_rows} are equal" if found.equal else words)


def _assertions(found: "Verification") -> list[tuple[object, ...]]:
    return [(one.stream, one.name, one.groups, not one.disagreements) for one in found.assertions]
