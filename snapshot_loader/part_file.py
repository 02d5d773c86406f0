"""One part file on disk: opened safely, pinned while it is read, hashed whole, decompressed within its limit."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Self

from migration_core.errors import SnapshotError
from migration_core.manifest import Compression, Part
from snapshot_loader.decompression import Corrupt, decompressor

_BLOCK = 1 << 20


class Broken(Exception):
    """The file is not what the manifest says; whoever counts the lines adds where."""


class PartFile:
    """`pieces` gives its decompressed bytes once, from the start, and raises Broken at the first sign of trouble."""

    def __init__(self, folder: Path, part: Part, compression: Compression) -> None:
        self._part = part
        self._compression = compression
        self._path = _inside(folder, part.file)
        try:
            # Neither a link that somebody puts there by now, nor a pipe, whose open would wait for a writer.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise SnapshotError(f"{part.file}: {error.strerror}") from error
        found = os.fstat(descriptor)
        if not S_ISREG(found.st_mode):
            os.close(descriptor)
            raise SnapshotError(f"{part.file}: it is no regular file")
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._pinned = _identity(found)
        self._sha256 = hashlib.sha256()
        self.on_disk = 0
        """Bytes read of the file."""
        self.decompressed = 0
        """Bytes that came out of them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def pieces(self) -> Iterator[bytes]:
        """All of the file; when the last piece was given, size and digest have been compared."""
        self._check_size()
        stream = decompressor(self._compression)
        try:
            while block := self._file.read(_BLOCK):
                self._expect_unchanged()
                self.on_disk += len(block)
                self._sha256.update(block)
                for piece in stream.feed(block):
                    self.decompressed += len(piece)
                    self._expect_within_limit()
                    yield piece
            self._expect_unchanged()
        except Corrupt as error:
            raise Broken(str(error)) from error
        except OSError as error:
            raise Broken(f"it cannot be read: {error.strerror}") from error
        if not stream.whole:
            raise Broken(f"the {self._compression} stream is cut short")
        self._expect_digest()

    def expect_size(self) -> None:
        """A first look, long before the digest can be known."""
        try:
            self._check_size()
        except Broken as error:
            raise SnapshotError(f"{self._part.file}: {error}: copy the part again") from error

    def _check_size(self) -> None:
        size = self._pinned[2]
        if size != self._part.bytes:
            raise Broken(f"it has {size} bytes on disk, the manifest says {self._part.bytes}")

    def _expect_unchanged(self) -> None:
        """Neither written to nor replaced: the folder must be complete before it is loaded."""
        if _identity(os.fstat(self._file.fileno())) != self._pinned or _identity(self._path.stat()) != self._pinned:
            raise Broken("it changed while it was read")

    def _expect_within_limit(self) -> None:
        if self.decompressed > self._part.decompressed_bytes:
            raise Broken(f"SNAP_LIMIT: over {self._part.decompressed_bytes} bytes, which the manifest says, come of it")

    def _expect_digest(self) -> None:
        if self.decompressed != self._part.decompressed_bytes:
            raise Broken(
                f"{self.decompressed} bytes come of it, the manifest says {self._part.decompressed_bytes} "
                "decompressed bytes"
            )
        if self._sha256.hexdigest() != self._part.sha256:
            raise Broken(f"its SHA-256 is {self._sha256.hexdigest()}, the manifest says {self._part.sha256}")


def _inside(folder: Path, name: str) -> Path:
    """The file itself, which no symbolic link may take out of the folder."""
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise SnapshotError(f"{name}: there is no such file in {folder}: copy the folder again") from error
    if not path.is_relative_to(root):
        raise SnapshotError(f"{name}: a link leads out of {folder}: put the file itself there")
    return path


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
