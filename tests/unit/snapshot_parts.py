"""Part files for tests, with the entry that a manifest would hold for them."""

import gzip
import hashlib
import random

import zstandard

from migration_core.manifest import Part

COMPRESSIONS = ("none", "gzip", "zstd")


def compress(data: bytes, compression: str) -> bytes:
    """One member or frame."""
    match compression:
        case "gzip":
            return gzip.compress(data, mtime=0)
        case "zstd":
            return zstandard.ZstdCompressor(write_checksum=True).compress(data)
        case _:
            return data


def part_of(name: str, stored: bytes, data: bytes) -> Part:
    """What a manifest says of a file that holds `stored`, which decompresses to `data`."""
    rows = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    return Part(
        file=name,
        rows=rows,
        bytes=len(stored),
        decompressed_bytes=len(data),
        sha256=hashlib.sha256(stored).hexdigest(),
    )


def written(folder, data: bytes, compression: str = "none", *, members: int = 1, name: str = "part") -> Part:
    """A file in `folder`, in several members where asked for, and its entry."""
    size = -(-len(data) // members) or 1
    pieces = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
    stored = b"".join(compress(piece, compression) for piece in pieces)
    (folder / name).write_bytes(stored)
    return part_of(name, stored, data)


def some_lines(count: int, seed: int = 1) -> bytes:
    """JSON lines that do not compress to nothing."""
    chance = random.Random(seed)
    return b"".join(b'{"id": %d, "text": "%x"}\n' % (number, chance.getrandbits(400)) for number in range(count))
