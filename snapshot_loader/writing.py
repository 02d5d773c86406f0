"""Writes a snapshot folder: parts of bounded size, each whole before it has its name, and the manifest last of all."""

import gzip
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import zstandard

from migration_core.manifest import FILE_NAME, Compression, Manifest, Part, render
from runtime.durable import settle_folder

PART_ROWS = 50_000
FRESH = f".{FILE_NAME}.new"
"""A manifest on its way to its name."""
_ENDINGS: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def write_parts(
    folder: Path, stream: str, ending: str, compression: Compression, lines: Iterable[bytes], rows: int = PART_ROWS
) -> tuple[Part, ...]:
    """`lines`, each with its newline, as parts; a stream without any has one empty part."""
    parts: list[Part] = []
    rest = iter(lines)
    first = next(rest, None)
    while first is not None or not parts:
        name = f"{stream}-{len(parts) + 1:05d}.{ending}{_ENDINGS[compression]}"
        with _PartWriter(folder / name, compression) as writer:
            if first is not None:
                writer.write(first)
                for line in _some(rest, rows - 1):
                    writer.write(line)
        parts.append(writer.part(name))
        first = next(rest, None)
    settle_folder(folder)
    return tuple(parts)


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """The last file: whoever sees it may load the folder."""
    return place_manifest(folder, render(manifest).encode())


def place_manifest(folder: Path, text: bytes) -> Path:
    """The same from the bytes of a manifest."""
    file = folder / FILE_NAME
    fresh = folder / FRESH
    with fresh.open("wb") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
    settle_folder(folder)
    return file


class _PartWriter:
    def __init__(self, file: Path, compression: Compression) -> None:
        self._file = file
        self._fresh = file.with_name(f".{file.name}.new")
        self._disk = _Hashed(self._fresh.open("wb"))
        disk = cast("BinaryIO", self._disk)
        self._lines: BinaryIO
        match compression:
            case "gzip":
                # A fixed time: equal lines give equal files.
                self._lines = cast("BinaryIO", gzip.GzipFile("", "wb", compresslevel=6, fileobj=disk, mtime=0))
            case "zstd":
                compressor = zstandard.ZstdCompressor(write_checksum=True)
                self._lines = cast("BinaryIO", compressor.stream_writer(disk, closefd=False))
            case _:
                self._lines = disk
        self._rows = self._size = 0

    def write(self, line: bytes) -> None:
        self._lines.write(line)
        self._rows += 1
        self._size += len(line)

    def part(self, name: str) -> Part:
        return Part(
            file=name,
            rows=self._rows,
            bytes=self._disk.size,
            decompressed_bytes=self._size,
            sha256=self._disk.sha256.hexdigest(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lines.close()
        self._disk.settle()
        if error is None:
            self._fresh.replace(self._file)
        else:
            self._fresh.unlink()


class _Hashed:
    """A file that knows its size and digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes) -> int:
        self.sha256.update(block)
        self.size += len(block)
        return self._file.write(block)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Called by what writes through it: the file is closed by `settle`."""

    def settle(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _some(lines: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        line = next(lines, None)
        if line is None:
            return
        yield line
