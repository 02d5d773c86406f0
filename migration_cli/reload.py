"""`migration reload`: a newer snapshot of a stream, taken and loaded while everything runs."""

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say, say_json, show_table

if TYPE_CHECKING:
    from db.engine import Database
    from db.registry import RegisteredStream
    from migration_core.cut import CutOffset
    from migration_core.manifest import StreamSnapshot


def reload(
    stream: Annotated[str, typer.Argument(help="The stream to reload.")],
    *,
    snapshot: Annotated[
        Path | None, typer.Option(help="The folder of the new snapshot; without one only the cut is made.")
    ] = None,
    take: Annotated[
        bool, typer.Option("--take", help="Make that snapshot from the stream's topics when the folder has none.")
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Go on without a snapshot after a cut, while none is registered.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Load a newer snapshot of a running stream behind a cut, and delete what it no longer has.

    First the stream is cut: what is stored from then on waits. Then the snapshot is read from the platform, which must
    not begin before the cut. The same command goes on from wherever an earlier run stopped.

    Example: migration reload users --snapshot /mnt/users-again
    """
    from db.registry import registered

    if abandon and (snapshot is not None or take):
        raise typer.BadParameter("--abandon stands alone: it ends a reload that has no snapshot")
    if take and snapshot is None:
        raise typer.BadParameter("--take needs --snapshot, the folder to write")
    with database() as control:
        found = registered(control, stream)
        if abandon:
            _abandon(control, found, as_json=as_json)
            return
        given = _given(snapshot, stream) if snapshot is not None else None
        state, offsets = _cut(control, found, given)
    if snapshot is None:
        _tell_cut(stream, state, offsets, as_json=as_json)
        return
    if given is None and take:
        _take(snapshot, found)
    _load(snapshot, stream)
    if as_json:
        say_json({"stream": stream, "snapshot": str(snapshot), "state": "done"})
    else:
        say(f"{stream}: reloaded from {snapshot}")


def _given(folder: Path, stream: str) -> "StreamSnapshot | None":
    """What the folder promises, or None where it is still to be made."""
    from migration_core.manifest import FILE_NAME
    from snapshot_loader.folder import read_manifest

    if not (folder / FILE_NAME).exists():
        return None
    return read_manifest(folder).stream(stream, file=str(folder / FILE_NAME))


def _cut(
    control: "Database", stream: "RegisteredStream", given: "StreamSnapshot | None"
) -> "tuple[str, list[CutOffset]]":
    """Cut the stream unless this snapshot is loaded already; a snapshot that is too old is refused before that."""
    from db.cut import cut_offsets, make_cut
    from db.snapshot_registry import is_loaded
    from migration_core.cut import expect_behind
    from runtime.failpoints import failpoints

    if given is not None and is_loaded(control, stream, given):
        return "done", []
    cut = make_cut(
        control,
        stream,
        allowed=lambda offsets: given and expect_behind(offsets, given, partial=stream.partial),
        reached=failpoints(os.environ),
    )
    with control.transaction() as session:
        return cut.state, cut_offsets(session, cut)


def _take(folder: Path, stream: "RegisteredStream") -> None:
    from migration_cli.snapshot import taken
    from migration_core.errors import ConfigError

    if stream.partial:
        raise ConfigError(
            f"stream {stream.name!r} has partial changes, whose topics hold no full documents: "
            "export them from the platform, and name that folder without --take"
        )
    taken(folder, [stream.name])


def _load(folder: Path, stream: str) -> None:
    from snapshot_loader.__main__ import main

    os.environ["SNAPSHOT_DIR"] = str(folder)
    with redirect_stdout(sys.stderr):  # its events: the answer of this command stands alone on stdout
        code = main(["--stream", stream])
    if code:
        raise typer.Exit(code)


def _abandon(control: "Database", stream: "RegisteredStream", *, as_json: bool) -> None:
    from db.cut import abandon

    ended = abandon(control, stream)
    if as_json:
        say_json({"stream": stream.name, "state": "abandoned" if ended else "none"})
    else:
        say(f"{stream.name}: the reload is abandoned" if ended else f"{stream.name}: there is no reload to abandon")
    raise typer.Exit(0 if ended else 1)


def _tell_cut(stream: str, state: str, offsets: "list[CutOffset]", *, as_json: bool) -> None:
    if as_json:
        say_json({"stream": stream, "state": state, "offsets": offsets})
        return
    show_table(("topic", "partition", "cut at offset"), [(one.topic, one.partition, one.offset) for one in offsets])
    if state == "loading":
        say(f"the snapshot of {stream} is being loaded: finish it with the --snapshot folder that it began with")
        return
    say(f"{stream} is cut: export a snapshot that begins now, then run migration reload {stream} --snapshot FOLDER")
