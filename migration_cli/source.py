"""`migration source`: the partitions that are read, and what a person must decide about them."""

from typing import Annotated

import typer

from migration_cli.access import cluster, database
from migration_cli.console import Json, group, say, say_json, show_table

app = group("See how far each partition is stored, and decide about gaps and new partitions.")


@app.command()
def show(*, as_json: Json = False) -> None:
    """Show every partition: everything below its next offset is stored.

    Example: migration source show --json
    """
    from db.source_report import source_statuses

    with database() as control:
        found = source_statuses(control)
    if as_json:
        say_json(found)
        return
    show_table(
        ("stream", "topic", "partition", "start", "next offset", "moved at", "halted", "gap from", "to"),
        [
            (one.stream, one.topic, one.partition, one.start_offset, one.next_offset,
             one.moved_at.isoformat(" ", "seconds"), one.halted, one.halted_from, one.halted_to)
            for one in found
        ],
    )  # fmt: skip


@app.command("accept-gap")
def accept_gap(
    topic: Annotated[str, typer.Argument(help="The topic that stands still.")],
    partition: Annotated[int, typer.Argument(min=0, help="Its partition.")],
    *,
    at: Annotated[
        int | None, typer.Option(min=0, help="Where to go on, when more than a gap is wrong. Default: behind the gap.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Give up records that the source lost before they were read, and let the partition go on.

    The gap stays recorded for ever. Loading a new snapshot of the stream is the way that loses nothing.

    Example: migration source accept-gap legacy.users 3 --yes
    """
    from db.source_store import SourceStore
    from migration_master.acceptance import accept_gap as accept
    from runtime.version import version

    if not yes:
        typer.confirm(f"Give up what {topic}[{partition}] lost, for good?", abort=True, err=True)
    with database() as control:
        found = accept(SourceStore(control), cluster(), topic, partition, at=at, version=version())
    if as_json:
        say_json(found)
    else:
        say(f"{topic}[{partition}] goes on at {found.to_offset}; it stood at {found.from_offset}")


@app.command("accept-partitions")
def accept_partitions(
    topic: Annotated[str, typer.Argument(help="The topic that got new partitions.")],
    *,
    as_json: Json = False,
) -> None:
    """Read partitions that were added to a topic, once the old ones have reached the ends they have now.

    Example: migration source accept-partitions legacy.users
    """
    from db.source_store import SourceStore
    from migration_master.acceptance import accept_partitions as accept

    with database() as control:
        found = accept(SourceStore(control), cluster(), topic)
    if as_json:
        say_json(found)
    else:
        added = ", ".join(map(str, found.added))
        say(f"{topic}: partitions {added} are read from 0 once the old ones have reached their ends of now")
