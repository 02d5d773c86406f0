"""Which lane a key belongs to; the unit of order, locking and parallelism."""

from zlib import crc32

DEFAULT_LANES = 32
KEYLESS_LANE = 0
"""Where records without a readable key go: they are rejected there and park nobody."""


def lane_of(key: bytes, lanes: int) -> int:
    """The same number as MySQL's `CRC32(key) % lanes`, so SQL can name a row's lane too."""
    return crc32(key) % lanes


def key_hash(key: bytes) -> int:
    """An unsigned 64-bit hash of a key for joins and ranges inside a lane; equal keys are confirmed by their bytes.

    The second half runs backwards: a CRC is linear, so another start value would collide wherever the first does.
    """
    return crc32(key[::-1]) << 32 | crc32(key)
