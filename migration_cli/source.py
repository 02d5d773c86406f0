"""`migration source`: the partitions that are read, and what a person must decide about them."""

from migration_cli.access import database
from migration_cli.console import Json, group, say_json, show_table

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
