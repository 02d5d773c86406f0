"""What a fetch keeps in the folder until all is there, for one process at a time."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from migration_core.errors import SnapshotError, Transient
from migration_core.manifest import Part
from runtime.durable import settle_folder

NAME = ".fetch"
_LOCK, _PLACED = "lock", "placed"
_BLOCK = 1 << 20


class FetchSpace:
    """Partial files, and which parts are in place; it lies in the folder itself, since a rename is of one volume."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = folder / NAME
        self._placed = self._read_placed()
        self._log = (self._own / _PLACED).open("a", encoding="utf-8")

    def partial(self, number: int, part: Part) -> Path:
        """Where a part grows: under its digest, so that nothing of an older export goes on in it."""
        return self._own / f"{number}-{part.sha256}"

    def keep_only(self, files: Collection[Path]) -> None:
        """Remove what another manifest left behind."""
        wanted = {name for file in files for name in (file.name, validator_of(file).name)} | {_LOCK, _PLACED}
        for one in self._own.iterdir():
            if one.name not in wanted:
                one.unlink()

    def is_placed(self, part: Part, pulse: Callable[[], None]) -> bool:
        """Whether the part is in the folder: by what was noted when it was verified, else by its digest."""
        path = self.folder / part.file
        if not has_size(path, part):
            return False
        if self._placed.get(part.file) == _identity(path, part):
            return True
        if _sha256(path, pulse) != part.sha256:
            return False
        self._note(part)
        return True

    def place(self, file: Path, part: Part) -> None:
        """Give a verified and settled file its name."""
        path = self._target(part)
        file.replace(path)
        settle_folder(path.parent)

    def note(self, part: Part) -> None:
        """The part was verified: the next run need not read it again."""
        self._note(part)

    def close(self) -> None:
        self._log.close()

    def _note(self, part: Part) -> None:
        entry = _identity(self.folder / part.file, part)
        self._log.write(json.dumps([part.file, entry]) + "\n")
        self._log.flush()

    def _read_placed(self) -> dict[str, list[object]]:
        found = {}
        with suppress(FileNotFoundError):
            for line in (self._own / _PLACED).read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # the last line of a process that was killed: its part is read again
                    name, entry = json.loads(line)
                    found[name] = entry
        return found

    def _target(self, part: Part) -> Path:
        """Where the part belongs; no link that lies there leads out of the folder."""
        root = self.folder.resolve()
        path = self.folder
        for name in Path(part.file).parts[:-1]:
            path = path / name
            if not path.exists():
                path.mkdir()
                settle_folder(path.parent)
            if not path.resolve().is_relative_to(root):
                raise SnapshotError(f"{part.file}: a link leads out of {self.folder}: remove it")
        return self.folder / part.file


@contextmanager
def fetch_space(folder: Path) -> Iterator[FetchSpace]:
    """For this process alone: Transient while another one fetches into the folder."""
    lock = _locked(folder)
    try:
        space = FetchSpace(folder)
        try:
            yield space
        finally:
            space.close()
    finally:
        os.close(lock)


def clear(folder: Path) -> None:
    """Everything is in place: nothing of the fetch itself is left."""
    own = folder / NAME
    for one in sorted(own.iterdir(), key=lambda file: file.name == _LOCK):  # the lock goes last
        one.unlink()
    with suppress(OSError):  # the next process has come in
        own.rmdir()


def validator_of(file: Path) -> Path:
    """Where the validator of a partial file stands."""
    return file.with_name(f"{file.name}.validator")


def has_size(path: Path, part: Part) -> bool:
    """Whether a regular file of the part's size is there."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return S_ISREG(found.st_mode) and found.st_size == part.bytes


def _locked(folder: Path) -> int:
    """The lock, held until its process ends, however it ends."""
    own = folder / NAME
    file = own / _LOCK
    while True:
        own.mkdir(mode=0o750, exist_ok=True)
        with suppress(FileNotFoundError):  # whoever was done has just removed it
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_ino == file.stat().st_ino:
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise Transient(
                    f"another process is fetching into {folder}: wait for its end, or stop it; a lost host's lock ends "
                    "after a minute or two"
                ) from None
            os.close(descriptor)


def _identity(path: Path, part: Part) -> list[object]:
    found = path.lstat()
    return [part.sha256, found.st_size, found.st_mtime_ns, found.st_ino]


def _sha256(path: Path, pulse: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            pulse()
    return digest.hexdigest()
