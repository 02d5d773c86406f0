"""Where the stack keeps what it has: one folder, ignored by git, that can be removed as a whole."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def stack_folder(env: Mapping[str, str]) -> Path:
    """`.stack/` beside the packages, or where STACK_DIR says."""
    return Path(env.get("STACK_DIR") or ROOT / ".stack").expanduser().absolute()


def cache_folder(env: Mapping[str, str]) -> Path:
    """Downloads, shared by every stack that keeps its data elsewhere."""
    return stack_folder(env) / "cache"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time works in `folder`; the lock goes with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
