"""How far one part of a snapshot is read, and by what bytes."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What lies behind a reader: whole lines, their decompressed bytes, and the digest of those bytes."""

    lines: int = 0
    bytes: int = 0
    sha256: str = hashlib.sha256().hexdigest()


START = Checkpoint()
