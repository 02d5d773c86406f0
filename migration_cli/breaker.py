"""`migration breaker`: how much a stream may reject before it pauses."""

from typing import Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say_json, show_table
from migration_cli.stream_names import chosen


def breaker(
    streams: Annotated[list[str] | None, typer.Argument(help="Names of streams; without any, all are shown.")] = None,
    *,
    share: Annotated[int | None, typer.Option(min=1, max=100, help="Percent of rows that may be rejected.")] = None,
    of: Annotated[int | None, typer.Option(min=1, help="Rows from which on the share is looked at.")] = None,
    in_a_row: Annotated[int | None, typer.Option(min=1, help="Rejects in a row that are too many.")] = None,
    off: Annotated[bool, typer.Option("--off", help="No limits for these streams.")] = False,
    as_json: Json = False,
) -> None:
    """Show or set how much a stream may reject before it pauses, alone, with the pattern in the alarm.

    None of the rejects that were too many is kept. After `migration resume` the rows that were stored by then may
    fail in the same way; a pattern that was accepted never counts. What is not named stays as it is.

    Example: migration breaker users --share 5 --of 1000 --in-a-row 200
    """
    from db.breaker import breakers, set_limit
    from db.stream_state import states
    from migration_core.breaker import BreakerLimit
    from migration_core.errors import ConfigError

    changes = [share, of, in_a_row] != [None, None, None]
    if off and changes:
        raise ConfigError("--off stands alone: leave the limits out")
    if (off or changes) and not streams:
        raise ConfigError("name the streams whose limits change")
    with database() as control:
        with control.transaction() as session:
            known = {one.stream: one.stream_id for one in states(session)}
            wanted = chosen(streams or [], list(known), everything=not streams)
            for one in breakers(session):
                if one.stream in wanted and (off or changes):
                    limit = BreakerLimit(
                        None if off else (share or one.share_percent),
                        of or one.of_rows,
                        None if off else (in_a_row or one.in_a_row),
                    )
                    set_limit(session, known[one.stream], limit)
        with control.transaction() as session:
            found = [one for one in breakers(session) if one.stream in wanted]
    if as_json:
        say_json(found)
        return
    show_table(
        ("stream", "percent", "of rows", "in a row", "rejects now", "in a row now"),
        [(one.stream, one.share_percent, one.of_rows, one.in_a_row, one.rejects, one.run) for one in found],
    )
