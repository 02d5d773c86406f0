"""`migration pause` and `migration resume`: whether streams are applied; they are ingested either way."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say_json, show_table
from migration_cli.stream_names import chosen, refuse_unclear

if TYPE_CHECKING:
    from db.engine import Session

Streams = Annotated[list[str] | None, typer.Argument(help="Names of streams.")]
All = Annotated[bool, typer.Option("--all", help="Every registered stream.")]


def pause(
    streams: Streams = None,
    *,
    everything: All = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the state for others to read.")] = "by hand",
    as_json: Json = False,
) -> None:
    """Stop applying streams; their records are still stored, and no doorbell is lost.

    Example: migration pause users --reason "index rebuild on users"
    """
    from db.stream_state import pause_stream

    _change(streams, everything, lambda session, stream_id: pause_stream(session, stream_id, reason), as_json=as_json)


def resume(streams: Streams = None, *, everything: All = False, as_json: Json = False) -> None:
    """Apply streams again, from where they stood; their halted lanes are tried again too.

    Example: migration resume --all
    """
    from db.stream_state import resume_stream

    _change(streams, everything, resume_stream, as_json=as_json)


def _change(
    streams: list[str] | None, everything: bool, change: "Callable[[Session, int], None]", *, as_json: bool
) -> None:
    from db.stream_state import states

    refuse_unclear(streams or [], everything=everything)
    with database() as control:
        with control.transaction() as session:
            known = {one.stream: one.stream_id for one in states(session)}
            for name in chosen(streams or [], list(known), everything=everything):
                change(session, known[name])
        with control.transaction() as session:
            found = states(session)
    if as_json:
        say_json(found)
    else:
        show_table(("stream", "state", "reason"), [(one.stream, one.state, one.reason) for one in found])
