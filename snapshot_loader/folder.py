"""A snapshot folder as a whole: its manifest, and whether the files that it names are there."""

from collections.abc import Collection, Mapping
from pathlib import Path

from migration_core.errors import ConfigError, SnapshotError
from migration_core.manifest import FILE_NAME, Manifest, StreamSnapshot, parse
from migration_core.mapping import CompiledStream
from snapshot_loader.part_file import PartFile

LARGEST = 1 << 26
"""Bytes of a manifest: all parts that a stream may have, and then some."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`; SnapshotError names every mistake."""
    file = folder / FILE_NAME
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise SnapshotError(
            f"SNAP_MANIFEST: {file} is not there: wait until the export is complete, "
            "or write a manifest with `migration snapshot adopt`"
        ) from error
    except OSError as error:
        raise SnapshotError(f"{file}: {error.strerror}") from error
    if len(text) > LARGEST:
        raise SnapshotError(f"SNAP_LIMIT: {file} has over {LARGEST} bytes: write larger parts, so that there are fewer")
    return parse(text, file=str(file))


def chosen(
    manifest: Manifest, streams: Mapping[str, CompiledStream], names: Collection[str], *, file: str
) -> list[StreamSnapshot]:
    """The snapshots of the streams `names`, or of all, in the manifest's order; each one must fit its stream."""
    for name in names:
        manifest.stream(name, file=file)
    found = [snapshot for snapshot in manifest.streams if not names or snapshot.name in names]
    for snapshot in found:
        _expect_fit(snapshot, streams, file)
    return found


def expect_files(folder: Path, snapshot: StreamSnapshot) -> None:
    """Every part is there, inside the folder and of its size: cheap, before anything is stored."""
    for part in snapshot.parts:
        with PartFile(folder, part, snapshot.compression) as file:
            file.expect_size()


def _expect_fit(snapshot: StreamSnapshot, streams: Mapping[str, CompiledStream], file: str) -> None:
    if snapshot.name not in streams:
        raise ConfigError(
            f"{file}: stream {snapshot.name!r} is not in the mapping, which has {', '.join(sorted(streams))}: "
            "name the streams to load with --stream, or add it to the mapping"
        )
    stream = streams[snapshot.name]
    topics = {offsets.topic for offsets in snapshot.topics}
    if topics != set(stream.topics):
        raise ConfigError(
            f"{file}: stream {snapshot.name!r} has offsets for {', '.join(sorted(topics))}, and the mapping reads "
            f"{', '.join(stream.topics)}: both must name the same topics"
        )
    if snapshot.partial and not stream.partial:
        raise ConfigError(
            f"{file}: the snapshot of {snapshot.name!r} is a log of partial changes, and the mapping takes full "
            "documents: write `changes: partial` there, or load a snapshot of full documents"
        )
