"""Writes the manifest for an export that came without one: counts, digests and sizes of its files as they are."""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from migration_core.containers.kcat import parse as parse_kcat
from migration_core.errors import ConfigError, Rejected, SnapshotError
from migration_core.manifest import (
    FILE_NAME,
    MAX_RATIO,
    SMALL_PART,
    Compression,
    Manifest,
    Part,
    StreamSnapshot,
    TopicOffsets,
)
from snapshot_loader.decompression import MAGIC, Corrupt, decompressor
from snapshot_loader.folder import read_manifest
from snapshot_loader.writing import write_manifest

_BLOCK = 1 << 20
_HEAD = 64 << 10


@dataclass(frozen=True, slots=True)
class Adopting:
    """What a person says of an export; the rest is found."""

    folder: Path
    stream: str
    files: str
    """A pattern of names within the folder, such as `users-*.ndjson.gz`."""
    topics: tuple[TopicOffsets, ...]
    partial: bool = False
    container: str | None = None
    """None: by the first line."""


def adopt(adopting: Adopting, told: Callable[[Part], None] = lambda _part: None) -> Manifest:
    """Write the manifest, or add the stream to the one that is there."""
    names = _names(adopting)
    compression = _compression(adopting.folder, names)
    parts = []
    for name in names:
        parts.append(_measured(adopting.folder, name, compression))
        told(parts[-1])
    container = adopting.container or _container(adopting.folder, names, compression)
    earlier = _earlier(adopting)
    try:
        snapshot = StreamSnapshot(
            name=adopting.stream,
            container=container,
            compression=compression,
            partial=adopting.partial,
            topics=adopting.topics,
            parts=tuple(parts),
        )
        manifest = Manifest(created_at=datetime.now(UTC), streams=(*earlier, snapshot))
    except ValidationError as error:
        said = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        raise SnapshotError(f"{adopting.folder}: {said}") from None
    write_manifest(adopting.folder, manifest)
    return manifest


def _names(adopting: Adopting) -> list[str]:
    """The files in their natural order: part-2 comes before part-10."""
    found = [
        str(path.relative_to(adopting.folder))
        for path in adopting.folder.glob(adopting.files)
        if path.is_file() and path.name != FILE_NAME and not path.name.startswith(".")
    ]
    if not found:
        raise ConfigError(f"no file in {adopting.folder} is named like {adopting.files}")
    return sorted(found, key=_natural)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in re.split(r"(\d+)", name)]


def _compression(folder: Path, names: Sequence[str]) -> Compression:
    """By the first bytes, whatever the names say."""
    kinds: dict[Compression, str] = {}
    for name in names:
        with (folder / name).open("rb") as file:
            head = file.read(4)
        kind: Compression = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "none")
        if head:
            kinds.setdefault(kind, name)
    if len(kinds) > 1:
        listed = ", ".join(f"{name} ({kind})" for kind, name in kinds.items())
        raise ConfigError(f"the files are compressed in several ways, and a stream has one: {listed}")
    return next(iter(kinds), "none")


def _container(folder: Path, names: Sequence[str], compression: Compression) -> str:
    """kcat, when the first line that holds anything is a line of kcat with its offset."""
    for name in names:
        with (folder / name).open("rb") as file:
            stream = decompressor(compression)
            start = b"".join(stream.feed(file.read(_HEAD)))
        line = next((line for line in start.split(b"\n") if line.strip()), None)
        if line is None:
            continue
        try:
            parse_kcat(line, 1)
        except Rejected:
            return "ndjson"
        return "kcat" if b'"offset"' in line else "ndjson"
    return "ndjson"


def _measured(folder: Path, name: str, compression: Compression) -> Part:
    digest, stream = hashlib.sha256(), decompressor(compression)
    on_disk = size = rows = 0
    last = b"\n"
    with (folder / name).open("rb") as file:
        pinned = _identity(os.fstat(file.fileno()))
        try:
            while block := file.read(_BLOCK):
                digest.update(block)
                on_disk += len(block)
                for piece in stream.feed(block):
                    size += len(piece)
                    rows += piece.count(b"\n")
                    last = piece[-1:]
                if size > max(SMALL_PART, on_disk * MAX_RATIO):
                    raise SnapshotError(f"{name}: SNAP_LIMIT: it grows to over {MAX_RATIO} times its size")
        except Corrupt as error:
            raise SnapshotError(f"{name}: byte {on_disk} on disk: {error}") from error
        if _identity(os.fstat(file.fileno())) != pinned:
            raise SnapshotError(f"{name}: it changed while it was read: wait until the export is complete")
    if not stream.whole:
        raise SnapshotError(f"{name}: the {compression} stream is cut short: copy the file again")
    rows += last != b"\n"
    return Part(file=name, rows=rows, bytes=on_disk, decompressed_bytes=size, sha256=digest.hexdigest())


def _earlier(adopting: Adopting) -> tuple[StreamSnapshot, ...]:
    if not (adopting.folder / FILE_NAME).exists():
        return ()
    streams = read_manifest(adopting.folder).streams
    if any(stream.name == adopting.stream for stream in streams):
        raise ConfigError(
            f"{adopting.folder / FILE_NAME} has stream {adopting.stream!r} already: remove that file to adopt it anew"
        )
    return streams


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
