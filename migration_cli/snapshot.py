"""`migration snapshot`: folders of part files with their manifest, made, adopted, fetched, loaded and looked at."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migration_cli.access import database
from migration_cli.console import Json, group, lasting, say, say_json, show_table

if TYPE_CHECKING:
    from migration_core.manifest import Manifest
    from migration_core.mapping import CompiledStream
    from snapshot_loader.progress import Told

app = group("Make, adopt, fetch, load and look at snapshots: folders of part files with a manifest.")


class _Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


Folder = Annotated[Path, typer.Argument(help="The snapshot's folder.")]
TimeLimit = Annotated[str | None, typer.Option(help="Stop at a checkpoint after this time, exit 75: 10m.")]
Streams = Annotated[list[str] | None, typer.Option("--stream", help="Only this stream; may be repeated.")]


@app.command()
def take(
    folder: Folder,
    *,
    stream: Streams = None,
    fuzzy: Annotated[
        bool, typer.Option(help="Let full documents be newer than the start offsets, as in an export that takes time.")
    ] = False,
    container: Annotated[str, typer.Option(help="kcat keeps key, headers and time; ndjson the value alone.")] = "kcat",
    compression: Annotated[_Compression, typer.Option(help="Of the part files.")] = _Compression.ZSTD,
    part_rows: Annotated[int, typer.Option(min=1, help="Rows of one part.")] = 50_000,
    as_json: Json = False,
) -> None:
    """Make a snapshot folder from the streams' topics, for rehearsals: a real platform writes its own.

    Of full documents it holds the newest one of each key, of partial changes every record up to the start offsets.

    Example: migration snapshot take /mnt/snapshot --fuzzy
    """
    manifest = taken(
        folder, stream, fuzzy=fuzzy, container=container, compression=compression.value, part_rows=part_rows
    )
    if as_json:
        say(manifest.model_dump_json())
        return
    for one in manifest.streams:
        say(f"{one.name}: {one.rows:,} rows in {len(one.parts)} parts")


def taken(folder: Path, streams: list[str] | None, **options: Any) -> "Manifest":  # noqa: ANN401 - as `Taking` has them
    """A snapshot folder made from the streams' topics, with the progress shown."""
    import sys

    from migration_cli.needs import TakeSettings
    from runtime.shutdown import on_terminate
    from snapshot_loader.progress import progress_on
    from snapshot_loader.taking import Taking
    from snapshot_loader.taking import take as take_snapshot

    settings = TakeSettings.from_env(os.environ)
    shown, progress = progress_on(sys.stderr, _tell)
    with shown:
        return take_snapshot(
            Taking(
                config=settings.kafka.config(),
                folder=folder,
                streams=_chosen(settings.mapping.path, streams),
                progress=progress,
                stop=on_terminate(),
                **options,
            )
        )


@app.command()
def adopt(
    folder: Folder,
    *,
    stream: Annotated[str, typer.Option(help="The stream that the files belong to.")],
    files: Annotated[str, typer.Option(help="Which files, as a pattern within the folder; parts in natural order.")],
    offsets: Annotated[str, typer.Option(help="topic:partition=start-end, comma between, or a JSON file of such.")],
    exact: Annotated[
        bool, typer.Option(help="The export is of one moment: where no end offset is given, it is the start offset.")
    ] = False,
    partial: Annotated[bool, typer.Option(help="The files are a log of partial changes.")] = False,
    container: Annotated[str | None, typer.Option(help="ndjson or kcat; found by the first line if absent.")] = None,
    as_json: Json = False,
) -> None:
    """Write the manifest for an export that came without one: count, hash and detect, then state the offsets.

    Start offsets must have been read before the export began: a later one loses changes without a trace.

    Example: migration snapshot adopt /mnt/export --stream users --files 'users-*.gz' --offsets legacy.users:0=150-172
    """
    from migration_cli.access import cluster_if_named
    from snapshot_loader.adopting import Adopting
    from snapshot_loader.adopting import adopt as adopt_export
    from snapshot_loader.offsets import read_offsets, with_topic_ids

    listed = read_offsets(offsets, exact=exact)
    view = cluster_if_named() if any("topic_id" not in entry for entry in listed) else None
    found = view.describe([str(entry.get("topic")) for entry in listed]) if view is not None else {}
    vector = with_topic_ids(listed, {name: one.topic_id for name, one in found.items()})
    adopting = Adopting(folder, stream, files, vector, partial=partial, container=container)
    told = (lambda _part: None) if as_json else (lambda part: say(f"{part.file}: {part.rows:,} rows"))
    manifest = adopt_export(adopting, told)
    if as_json:
        say(manifest.model_dump_json())
        return
    adopted = manifest.stream(stream, file=str(folder))
    say(f"{stream}: {adopted.rows:,} rows in {len(adopted.parts)} parts, {adopted.container}, {adopted.compression}")


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="Where it lies: s3://bucket/prefix or https://host/path/.")],
    folder: Annotated[Path, typer.Argument(help="Where it shall lie; made if its parent is there.")],
    *,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Parts that are fetched at once.")] = 4,
    time_limit: TimeLimit = None,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Let an address of another host be http.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a snapshot folder from S3 or a web server, from wherever an earlier run stopped; its manifest comes last.

    Parts are verified against the manifest. What HTTPS asks for is in SNAPSHOT_SOURCE_TOKEN or SNAPSHOT_SOURCE_HEADERS.

    Example: migration snapshot fetch s3://legacy-export/2026-11-20 /snapshot --time-limit 10m
    """
    from migration_cli.fetching import fetched

    found = fetched(source, folder, parallel=parallel, time_limit=time_limit, allow_http=allow_http)
    if as_json:
        say_json(found)
        return
    if found.parts_found == found.parts:
        say(f"{folder}: complete already, {found.parts:,} parts, {found.bytes:,} bytes")
        return
    say(
        f"{folder}: {found.parts:,} parts, {found.bytes:,} bytes; {found.parts_found:,} parts and "
        f"{found.resumed_bytes:,} bytes were there, {found.fetched_bytes:,} bytes fetched, {found.retries:,} retries"
    )


@app.command()
def load(
    folder: Folder,
    *,
    stream: Streams = None,
    time_limit: TimeLimit = None,
    register_only: Annotated[
        bool, typer.Option(help="Record parts and offsets, so that the master may begin, and load nothing yet.")
    ] = False,
) -> None:
    """Load a snapshot into raw tables, from wherever an earlier run stopped; exactly as the loader's task does.

    Example: migration snapshot load /mnt/snapshot --time-limit 10m
    """
    from snapshot_loader.__main__ import main

    os.environ["SNAPSHOT_DIR"] = str(folder)
    arguments = [word for name in stream or () for word in ("--stream", name)]
    arguments += ["--time-limit", time_limit] if time_limit else []
    arguments += ["--register-only"] if register_only else []
    raise typer.Exit(main(arguments))


@app.command()
def show(
    folder: Annotated[Path | None, typer.Argument(help="A folder to read; without one, what is registered.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what a folder's manifest promises, or how far registered snapshots are loaded.

    Example: migration snapshot show /mnt/snapshot --json
    """
    if folder is not None:
        _show_folder(folder, as_json=as_json)
        return
    from db.snapshot_report import snapshot_statuses

    with database() as control:
        found = snapshot_statuses(control)
    if as_json:
        say_json(found)
        return
    show_table(
        ("stream", "generation", "state", "parts", "open", "rows", "loaded", "duplicates", "registered", "folder"),
        [
            (one.stream, one.generation, one.state, one.parts, one.parts_open, one.rows, one.rows_loaded,
             one.duplicates, one.registered_at.isoformat(" ", "seconds"), one.folder)
            for one in found
        ],
    )  # fmt: skip


def _show_folder(folder: Path, *, as_json: bool) -> None:
    from snapshot_loader.folder import read_manifest

    manifest = read_manifest(folder)
    if as_json:
        say(manifest.model_dump_json())
        return
    show_table(
        ("stream", "container", "compression", "changes", "parts", "rows", "bytes", "decompressed"),
        [
            (one.name, one.container, one.compression, "partial" if one.partial else "full documents", len(one.parts),
             one.rows, sum(part.bytes for part in one.parts), sum(part.decompressed_bytes for part in one.parts))
            for one in manifest.streams
        ],
        title=f"made {manifest.created_at.isoformat(' ', 'seconds')}",
    )  # fmt: skip
    show_table(
        ("topic", "partition", "start offset", "end offset", "leader epoch", "topic id"),
        [
            (one.topic, one.partition, one.start_offset, one.end_offset, one.leader_epoch, one.topic_id)
            for stream in manifest.streams
            for one in stream.topics
        ],
    )


def _chosen(mapping: Path, names: list[str] | None) -> "list[CompiledStream]":
    from migration_cli.stream_names import chosen
    from runtime.mapping_file import compiled

    streams = compiled(mapping).streams
    return [streams[name] for name in chosen(names or [], list(streams), everything=not names)]


def _tell(told: "Told") -> None:
    left = "" if told.eta_seconds is None else f", {lasting(told.eta_seconds)} left"
    typer.echo(f"{told.stream}: {told.rows:,} of {told.of:,} records, {told.rows_per_second:,}/s{left}", err=True)
