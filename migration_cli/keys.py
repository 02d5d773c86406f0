"""`migration keys`: keys whose order nobody can know, since their records stand in two partitions of a topic."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, group, say, say_json, show_table, working
from migration_cli.people import Because, Who, named, refuse_empty
from runtime.exits import Exit

if TYPE_CHECKING:
    from migration_core.crossed import CrossedLane

app = group(
    "Keys that stand in two partitions of a topic: Kafka keeps no order between partitions, so their records were "
    "applied as they were read.\n\nExample: migration keys list"
)


@app.command("list")
def list_(
    *,
    show_keys: Annotated[bool, typer.Option("--show-keys", help="Print the keys, which may be personal data.")] = False,
    as_json: Json = False,
) -> None:
    """Look through the raw rows that came since the last look, and tell such keys; exit 1 while any is not accepted.

    All are counted, and the first 20 of each lane are named. After partitions were added to a topic, keys that the
    producer moved are among them.

    Example: migration keys list --show-keys
    """
    from db.crossed import crossed_lanes
    from migration_core.crossed import crossed_gate
    from migration_core.gate import GateVerdict
    from migration_verifier.crossing import look

    with database() as control:
        with working("looking for keys that stand in two partitions"):
            look(control)
        with control.transaction() as session:
            lanes = crossed_lanes(session)
    gate = crossed_gate(lanes)
    found = [row for lane in lanes for row in _rows(lane, show_keys=show_keys)]
    if as_json:
        say_json({"crossed": sum(one.crossed for one in lanes), "keys": found, "gate": asdict(gate)})
    else:
        show_table(
            ("stream", "lane", "key", "topic", "partitions", "accepted by"), [tuple(row.values()) for row in found]
        )
        say(f"gate {gate.verdict}: {gate.found}" + (f"; {gate.remedy}" if gate.remedy else ""))
    if gate.verdict is GateVerdict.FAIL:
        raise typer.Exit(Exit.FAILED)


@app.command()
def accept(
    stream: Annotated[str, typer.Argument(help="The stream.")],
    *,
    because: Because,
    who: Who = "",
    as_json: Json = False,
) -> None:
    """Let the keys that `keys list` has found pass; when more of them come, the gate is shut again.

    Example: migration keys accept users --because "moved when partitions were added, nothing was written then"
    """
    from db.crossed import accept as decide

    refuse_empty(because)
    with database() as control:
        count = decide(control, stream, who=named(who), because=because)
    if as_json:
        say_json({"stream": stream, "accepted": count, "accepted_by": named(who)})
        return
    say(f"{count:,} keys of {stream} may stand in two partitions")


def _rows(lane: "CrossedLane", *, show_keys: bool) -> list[dict[str, object]]:
    accepted_by = lane.accepted_by if lane.crossed <= lane.accepted else None
    return [
        {
            "stream": lane.stream,
            "lane": lane.lane,
            "key": one.key.decode("utf-8", errors="backslashreplace") if show_keys else f"{len(one.key)} bytes",
            "topic": one.topic,
            "partitions": ", ".join(f"{partition} ({rows:,} rows)" for partition, rows in one.partitions),
            "accepted_by": accepted_by,
        }
        for one in lane.keys
    ]
