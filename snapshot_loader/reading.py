"""The lines of one part in chunks of bounded size, from any checkpoint on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migration_core.checkpoint import START, Checkpoint
from migration_core.errors import SnapshotError
from migration_core.manifest import Compression, Part
from snapshot_loader.part_file import Broken, PartFile

LONGEST_LINE = 64 << 20
"""A longer line ends the load: it would not fit into memory several times over, nor into a packet of MySQL."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines without their newlines, and where the reader stands behind them."""

    lines: list[bytes]
    first_line: int
    """The number of the first one, from 1."""
    end: Checkpoint


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a chunk may grow; a single line may be larger."""

    rows: int = 20_000
    bytes: int = 4 << 20


class PrefixChanged(SnapshotError):
    """The bytes behind the checkpoint are not those that were loaded: these rows came from another file."""


class PartReader:
    """Reads one part. A line ends at LF; the last one may lack it. Nothing is skipped: a blank line is a line.

    A resumed reader goes through the bytes behind the checkpoint again, because the digest is that of the whole file.
    """

    def __init__(self, folder: Path, part: Part, compression: Compression, bounds: Bounds | None = None) -> None:
        self._folder = folder
        self._part = part
        self._compression = compression
        self._bounds = bounds or Bounds()
        self._lines = 0
        self._bytes = 0
        self._sha256 = hashlib.sha256()

    def chunks(self, after: Checkpoint = START) -> Iterator[Chunk]:
        """All lines behind `after`; once the last was given, the part is proved. SnapshotError says where it is not."""
        with PartFile(self._folder, self._part, self._compression) as file:
            pending: list[bytes] = []
            try:
                for body in self._bodies(self._behind(file.pieces(), after), pending):
                    yield from self._cut(body)
                self._expect_count()
            except Broken as error:
                raise self._located(error, file, pending) from error

    def _behind(self, pieces: Iterator[bytes], after: Checkpoint) -> Iterator[bytes]:
        """The bytes behind `after`, once those before it are proved to be the same as ever."""
        left, rest = after.bytes, b""
        if after.lines:
            for piece in pieces:
                self._sha256.update(piece[:left])
                self._lines += piece.count(b"\n", 0, left)
                rest = piece[left:]
                left -= min(left, len(piece))
                if not left:
                    break
            if left or self._sha256.hexdigest() != after.sha256:
                raise PrefixChanged(
                    f"{self._part.file}: line {after.lines}, byte {after.bytes}: "
                    "the lines up to here are not those that were loaded"
                )
            self._lines, self._bytes = after.lines, after.bytes
            yield rest
        yield from pieces

    def _bodies(self, pieces: Iterator[bytes], pending: list[bytes]) -> Iterator[bytes]:
        """Whole lines, about a chunk of bytes at once; `pending` holds what was read beyond them."""
        size, ends = 0, False
        for piece in pieces:
            pending.append(piece)
            size += len(piece)
            ends = ends or b"\n" in piece
            if size >= self._bounds.bytes and ends:
                whole, rest = _split(pending)
                pending[:] = rest
                size, ends = sum(map(len, rest)), False
                yield whole
            if size > LONGEST_LINE and not ends:
                raise Broken(f"SNAP_LIMIT: a line is longer than {LONGEST_LINE} bytes")
        last = b"".join(pending)
        pending.clear()
        if last:
            yield last

    def _cut(self, body: bytes) -> Iterator[Chunk]:
        lines = body.split(b"\n")
        ended = not lines[-1]
        if ended:
            lines.pop()
        if len(body) > LONGEST_LINE and max(map(len, lines)) > LONGEST_LINE:
            raise Broken(f"SNAP_LIMIT: a line is longer than {LONGEST_LINE} bytes")
        if self._lines + len(lines) > self._part.rows:
            raise Broken(f"it has more lines than the {self._part.rows} that the manifest says")
        view, place = memoryview(body), 0
        for start in range(0, len(lines), self._bounds.rows):
            taken = lines[start : start + self._bounds.rows]
            size = min(sum(map(len, taken)) + len(taken), len(body) - place)
            self._sha256.update(view[place : place + size])
            place += size
            first = self._lines + 1
            self._lines += len(taken)
            self._bytes += size
            yield Chunk(taken, first, Checkpoint(self._lines, self._bytes, self._sha256.hexdigest()))

    def _expect_count(self) -> None:
        if self._lines != self._part.rows:
            raise Broken(f"it has {self._lines} lines, the manifest says {self._part.rows}")

    def _located(self, error: Broken, file: PartFile, pending: list[bytes]) -> SnapshotError:
        line = self._lines + sum(piece.count(b"\n") for piece in pending) + 1
        where = f"line {line}, byte {file.decompressed}"
        if self._compression != "none":
            where += f" (byte {file.on_disk} on disk)"
        return SnapshotError(f"{self._part.file}: {where}: {error}; copy the part again, nothing of it is visible yet")


def _split(pieces: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Everything up to the last line feed, and what follows it."""
    last = next(index for index in reversed(range(len(pieces))) if b"\n" in pieces[index])
    cut = pieces[last].rfind(b"\n") + 1
    return b"".join([*pieces[:last], pieces[last][:cut]]), [pieces[last][cut:], *pieces[last + 1 :]]
