"""Compressed parts: all bytes or a named fault, in pieces of bounded size, whatever the file holds."""

import gzip
import io
from collections.abc import Iterable

import zstandard

from migration_core.errors import SnapshotError
from migration_core.manifest import Compression
from snapshot_loader.decompression import Corrupt, decompressor
from snapshot_loader.reading import Bounds, PartReader
from tests.fuzz.target import Target, expect_places, folder
from tests.unit.snapshot_parts import part_of

_COMPRESSIONS: tuple[Compression, ...] = ("none", "gzip", "zstd")
_LIMIT = 1 << 20
"""Where a reader with a manifest would stop."""
_LARGEST_PIECE = 72 << 20
"""What 2 KiB of zstandard can become, see `decompression`."""
_BOMB = 64 << 20


def _decompress(data: bytes) -> None:
    """The first byte chooses the compression, the second the size of the blocks."""
    compression, size = _COMPRESSIONS[data[0] % 3] if data else "none", data[1] % 32 + 1 if data[1:] else 1
    stored = data[2:]
    whole = _outcome(compression, [stored])
    parted = _outcome(compression, [stored[start : start + size] for start in range(0, len(stored), size)])
    # In one block a fault may show before the limit is reached, and in many behind it.
    assert parted == whole or "limit" in (whole[1], parted[1])
    if whole[1] == "whole":
        assert whole[0] == _reference(compression, stored)


def _outcome(compression: Compression, blocks: Iterable[bytes]) -> tuple[bytes, str]:
    stream, found = decompressor(compression), b""
    try:
        for block in blocks:
            for piece in stream.feed(block):
                assert len(piece) <= _LARGEST_PIECE
                found += piece
                if len(found) > _LIMIT:
                    return b"", "limit"
    except Corrupt:
        return b"", "corrupt"  # how much came before depends on the blocks
    return found, "whole" if stream.whole else "cut"


def _reference(compression: Compression, stored: bytes) -> bytes:
    match compression:
        case "gzip":
            return gzip.decompress(stored)
        case "zstd":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(stored), read_across_frames=True).read()
        case _:
            return stored


def _part(data: bytes) -> None:
    """The first byte chooses the compression, the second what the manifest says, and how large a chunk may be."""
    compression, said = _COMPRESSIONS[data[0] % 3] if data else "none", data[1] if data[1:] else 0
    stored = data[2:]
    claimed, state = _outcome(compression, [stored])
    part = part_of("part", stored, claimed)
    if said & 1:
        part = part.model_copy(update={"rows": part.rows + 1})
    if said & 2:
        part = part.model_copy(update={"decompressed_bytes": part.decompressed_bytes // 2})
    (folder() / "part").write_bytes(stored)
    reader = PartReader(folder(), part, compression, Bounds(rows=(said >> 2) % 8 + 1, bytes=(said >> 5) * 20 + 1))
    try:
        lines = [line for chunk in reader.chunks() for line in chunk.lines]
    except SnapshotError as error:
        expect_places(error, "part: ")
        assert said & 3 or state != "whole", error
        return
    assert state == "whole"
    assert b"\n".join(lines) == claimed.removesuffix(b"\n")
    assert len(lines) == part.rows


def _seeds() -> Iterable[bytes]:
    lines = b'{"id": 1}\n{"id": 2}\n\n{"id": 3}'
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(lines)
    framed = zstandard.ZstdCompressor(write_content_size=False).compress(lines)
    zipped = gzip.compress(lines, mtime=0)
    nothing = b"\0" * _BOMB
    yield from (b"", b"\0\0" + lines, b"\1\0" + zipped, b"\2\0" + packed, b"\2\x09" + framed)
    yield from (b"\1\1" + zipped + zipped, b"\2\1" + packed + framed, b"\1\2" + zipped[:-5], b"\2\2" + packed[:-3])
    yield from (b"\1\3" + zipped + b"\0\0\0", b"\2\3" + packed + b"\x50\x2a\x4d\x18\4\0\0\0rest")
    yield b"\1\1" + gzip.compress(nothing, mtime=0)
    yield b"\2\1" + zstandard.ZstdCompressor().compress(nothing)


TARGETS = [
    Target("decompression", _decompress, _seeds, bar=300_000),
    Target("parts", _part, _seeds, bar=100_000),
]
