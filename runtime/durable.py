"""What a file needs beside its own fsync to outlive a power cut."""

import os
from pathlib import Path


def settle_folder(folder: Path) -> None:
    """New names are durable only with their folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
