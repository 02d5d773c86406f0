"""Compressed files in pieces of bounded size, with every frame or member followed to its very end.

Python's own readers will not do: the gzip module yields all rows of a file that is cut between two members, and
zstandard's stream reader gives short data for a frame that is cut, both without an error.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from migration_core.manifest import Compression

_GZIP_MEMBER = 31
_PIECE = 1 << 20
_ZSTD_FEED = 2 << 10
"""Bytes given at once: zstandard cannot limit what comes out, and 128 KiB may come of 4 bytes."""

MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""How a compressed file begins."""


class Corrupt(Exception):
    """These bytes are no such stream."""


class Decompressor(Protocol):
    """Fed with a file's bytes in order."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        """What `block` holds, in pieces; raises Corrupt."""

    @property
    def whole(self) -> bool:
        """Whether the file may end here."""


def decompressor(compression: Compression) -> Decompressor:
    """A fresh one."""
    match compression:
        case "gzip":
            return _Gzip()
        case "zstd":
            return _Zstd()
        case _:
            return _Plain()


class _Plain:
    whole = True

    def feed(self, block: bytes) -> Iterator[bytes]:
        yield block


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_MEMBER)
        self._begun = False

    @property
    def whole(self) -> bool:
        return not self._begun

    def feed(self, block: bytes) -> Iterator[bytes]:
        while block:
            self._begun = True
            try:
                piece = self._member.decompress(block, _PIECE)
            except zlib.error as error:
                raise Corrupt(f"broken gzip stream: {error}") from error
            block = self._member.unconsumed_tail
            if piece:
                yield piece
            if self._member.eof:
                block = self._member.unused_data
                self._member = zlib.decompressobj(_GZIP_MEMBER)
                self._begun = False


class _Zstd:
    def __init__(self) -> None:
        self._frames = zstandard.ZstdDecompressor()
        self._frame = self._frames.decompressobj()
        self._begun = False

    @property
    def whole(self) -> bool:
        return not self._begun

    def feed(self, block: bytes) -> Iterator[bytes]:
        for start in range(0, len(block), _ZSTD_FEED):
            yield from self._feed(block[start : start + _ZSTD_FEED])

    def _feed(self, block: bytes) -> Iterator[bytes]:
        while block:
            self._begun = True
            try:
                piece = self._frame.decompress(block)
            except zstandard.ZstdError as error:
                raise Corrupt(f"broken zstd stream: {error}") from error
            block = b""
            if piece:
                yield piece
            if self._frame.eof:
                block = self._frame.unused_data
                self._frame = self._frames.decompressobj()
                self._begun = False
