"""`migration rejects accept` and `reopen`: what people decide about a pattern, with who and why."""

from typing import Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say, say_json
from migration_cli.people import Because, Who, named, refuse_empty

Pattern = Annotated[str, typer.Argument(help="A pattern as `rejects list` names it, or its first characters.")]


def accept(pattern: Pattern, *, because: Because, who: Who = "", as_json: Json = False) -> None:
    """Accept the rejects of a pattern as a deviation that the sign-off shows.

    Of partial changes, the rows that wait behind them are rejected too, and their keys go on from what they were.

    Example: migration rejects accept 3fa9c1d20b --because "test accounts, agreed with the data owner"
    """
    from db.reject_decisions import accept as decide
    from db.reject_decisions import the_pattern
    from runtime.version import version

    refuse_empty(because)
    with database() as control:
        chosen = the_pattern(control, pattern)
        behind = decide(control, chosen, who=named(who), because=because, version=version())
        after = the_pattern(control, chosen.pattern)
    if as_json:
        say_json({"pattern": after.pattern, "state": after.state, "rejects": after.rejects, "rejected_behind": behind})
        return
    say(f"{after.pattern[:10]} is accepted with {after.rejects:,} rejects; {behind:,} that waited are rejected too")


def reopen(pattern: Pattern, *, because: Because = "by hand", who: Who = "", as_json: Json = False) -> None:
    """Take an acceptance back; the rows stay rejected until they are redriven.

    Example: migration rejects reopen 3fa9c1d20b --because "the owner wants them after all"
    """
    from db.reject_decisions import reopen as decide
    from db.reject_decisions import the_pattern

    refuse_empty(because)
    with database() as control:
        chosen = the_pattern(control, pattern)
        decide(control, chosen, who=named(who), because=because)
        after = the_pattern(control, chosen.pattern)
    if as_json:
        say_json({"pattern": after.pattern, "state": after.state, "rejects": after.rejects})
        return
    say(f"{after.pattern[:10]} is open with {after.rejects:,} rejects")
