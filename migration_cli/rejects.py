"""`migration rejects`: what could not be applied, by cause and one by one."""

from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, group, say, say_json, show_table
from migration_cli.record_story import as_text, tell
from migration_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.reject_decisions import Decision
    from db.reject_report import RejectedRow

app = group("See what could not be applied, and why.")

_HASH_SHOWN = 10
_MARKS = "·▁▂▃▄▅▆▇█"


@app.command("list")
def list_patterns(
    *,
    stream: Annotated[str | None, typer.Option(help="Only this stream.")] = None,
    as_json: Json = False,
) -> None:
    """List rejects by pattern: those of one stream, stage, code, field and shape have one cause.

    Example: migration rejects list --stream users
    """
    from db.reject_report import patterns

    with database() as control:
        found = patterns(control, stream)
    if as_json:
        say_json(found)
        return
    show_table(
        ("pattern", "stream", "stage", "code", "field", "shape", "state", "rejects", "share", "last 24 hours",
         "first seen", "last seen", "samples, masked", "decided"),
        [
            (one.pattern[:_HASH_SHOWN], one.stream, one.stage, one.code, one.field_path, one.shape, one.state,
             one.rejects, f"{one.share:.2%}", _trend(one.by_hour), one.first_seen.isoformat(" ", "minutes"),
             one.last_seen.isoformat(" ", "seconds"), "  ".join(one.samples), _decided(one.decision))
            for one in found
        ],
    )  # fmt: skip
    say(f"{sum(one.rejects for one in found):,} rejects in {len(found):,} patterns")


@app.command()
def show(
    pattern: Annotated[
        str | None, typer.Argument(help="A pattern as `rejects list` names it, or its first characters.")
    ] = None,
    *,
    record: Annotated[
        str | None, typer.Option(help="One record instead: LANE:SEQUENCE, or topic/partition/offset.")
    ] = None,
    stream: Annotated[str | None, typer.Option(help="Of a record named by lane and sequence.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most.")] = 20,
    with_bytes: Annotated[
        bool, typer.Option("--bytes", help="With the records' own bytes, which may be personal data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the rows of one pattern, or the whole story of one record, be it rejected or not.

    A story tells where the record came from and lies, the rule that it failed, who tried it again with what outcome,
    and the later rows of its key. A record named by its position is looked for in all lanes unless it is rejected.

    Example: migration rejects show 3fa9c1d20b --limit 5 --bytes
    """
    from dataclasses import asdict

    if (record is None) == (pattern is None):
        raise ConfigError("name a pattern, or one record by --record")
    if record is not None:
        tell(record, stream, with_bytes=with_bytes, as_json=as_json)
        return

    from db.reject_report import rejected_rows

    with database() as control:
        found = rejected_rows(control, str(pattern), limit=limit)
    if not found:
        raise ConfigError(f"no reject has a pattern that begins with {pattern!r}; see `migration rejects list`")
    if as_json:
        hidden = () if with_bytes else ("record_key", "value")
        say_json([{name: value for name, value in asdict(one).items() if name not in hidden} for one in found])
        return
    for one in found:
        say(_story(one))
        if with_bytes:
            say(f"  key    {as_text(one.record_key)}\n  value  {as_text(one.value)}")


def _story(one: "RejectedRow") -> str:
    place = f"part {one.partition} line {one.offset}" if one.phase == "snapshot" else f"[{one.partition}]@{one.offset}"
    between = " " if one.phase == "snapshot" else ""
    return (
        f"{one.stream} {one.source}{between}{place}: {one.code} at {one.field_path or '$'}: {one.detail}\n"
        f"  lane {one.lane}, sequence {one.sequence}, rejected {one.rejected_at.isoformat(' ', 'seconds')} "
        f"by version {one.version}, sha256 {one.value_sha256}"
    )


def _trend(by_hour: "Sequence[int]") -> str:
    """One mark an hour, as high as its share of the highest."""
    most = max(by_hour)
    return "".join(_MARKS[-(-one * (len(_MARKS) - 1) // most)] if most else _MARKS[0] for one in by_hour)


def _decided(decision: "Decision | None") -> str | None:
    if decision is None:
        return None
    return f"{decision.state} by {decision.who} {decision.decided_at.isoformat(' ', 'minutes')}: {decision.because}"
