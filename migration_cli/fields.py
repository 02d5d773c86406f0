"""`migration fields`: what records hold that no column takes, as the workers have seen it."""

from dataclasses import asdict
from typing import Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, group, say, say_json, show_table
from migration_cli.people import Because, Who, named, refuse_empty
from runtime.exits import Exit

app = group(
    "Fields of records that no column takes. Workers look at one row in 16, and add up what they find; the bytes of "
    "all rows are kept in raw.\n\nExample: migration fields list"
)


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List the fields that no column takes, with where each was met first; exit 1 when one is new on many records.

    New is a field that came after 1,000 documents without it, and stands in more than 1 % of those since. Of an object
    that nobody takes, only its own path is told; fields that a column function is given and may read are left out.

    Example: migration fields list --json
    """
    from db.unmapped import looked_at, unmapped_fields
    from migration_core.unmapped import new_fields_gate

    with database() as control, control.transaction() as session:
        fields, looked = unmapped_fields(session), looked_at(session)
    gate = new_fields_gate(fields)
    if as_json:
        say_json({"looked_at": looked, "fields": [asdict(one) | {"new": one.new} for one in fields], "gate": gate})
    else:
        show_table(
            ("stream", "field", "documents", "looked at since", "first at", "first seen", "new", "accepted by"),
            [
                (one.stream, one.path, one.documents, one.looked_since, one.first_at,
                 one.first_seen.isoformat(" ", "seconds"), one.new, one.accepted_by)
                for one in fields
            ],
        )  # fmt: skip
        say(f"gate {gate.verdict}: {gate.found}" + (f"; {gate.remedy}" if gate.remedy else ""))
    if any(one.new for one in fields):
        raise typer.Exit(Exit.FAILED)


@app.command()
def accept(
    stream: Annotated[str, typer.Argument(help="The stream.")],
    path: Annotated[str, typer.Argument(help="The field as `fields list` names it, in quotes: '$.nickName'.")],
    *,
    because: Because,
    who: Who = "",
    as_json: Json = False,
) -> None:
    """Let a field stay out of the target; it opens the gate, and the list shows who said so.

    Example: migration fields accept users '$.nickName' --because "the new app has no nicknames"
    """
    from db.unmapped import accept as decide

    refuse_empty(because)
    with database() as control:
        decide(control, stream, path, who=named(who), because=because)
    if as_json:
        say_json({"stream": stream, "path": path, "accepted_by": named(who)})
        return
    say(f"{path} of {stream} stays out of the target")
