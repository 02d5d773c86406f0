"""A digest of the program's own source, so that a report can say which code it speaks of."""

from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGES = (
    "db", "kafka_log", "migration_cli", "migration_core", "migration_master", "migration_statistics",
    "migration_verifier", "migration_worker", "runtime", "snapshot_loader", "work_queue",
)  # fmt: skip


@cache
def code_hash() -> str:
    """SHA-256 over the Python files of all packages, by their paths."""
    root = Path(__file__).parent.parent
    digest = sha256()
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
            digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()
