"""A part that is on its way: what is there of it, its digest so far, and which file at the source it is of."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from snapshot_loader.fetch_space import validator_of

_BLOCK = 1 << 20
_SETTLED_EVERY = 1 << 26
"""Bytes that the loss of a whole host may cost."""


class PartialFile:
    """Bytes are added at its end; a process that is killed leaves what it added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o640), "r+b", buffering=0)
        self._sha256 = hashlib.sha256()
        self._settled = 0
        self.at = 0
        """Bytes that are there, all of them hashed."""
        self.validator: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def resume(self, most: int, pulse: Callable[[], None]) -> None:
        """Hash again what an earlier run left; without a validator nobody knows what it is of, and it goes."""
        validator = validator_of(self.path)
        self.validator = validator.read_text(encoding="utf-8") if validator.exists() else None
        if self.validator is None or os.fstat(self._file.fileno()).st_size > most:
            self.begin(None)
            return
        while block := self._file.read(_BLOCK):
            self._sha256.update(block)
            self.at += len(block)
            pulse()

    def begin(self, validator: str | None) -> None:
        """Nothing is there, and what comes is of the file with this validator."""
        self._file.truncate(0)  # first: bytes must never stand beside the validator of another file
        self._keep(validator)
        self._file.seek(0)
        self._sha256, self._settled = hashlib.sha256(), 0
        self.at, self.validator = 0, validator

    def append(self, block: bytes) -> None:
        """Add bytes at the end."""
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._sha256.update(block)
        self.at += len(block)
        if self.at - self._settled >= _SETTLED_EVERY:
            self.settle()

    def settle(self) -> None:
        """What is there outlives a power cut."""
        os.fsync(self._file.fileno())
        self._settled = self.at

    def sha256(self) -> str:
        """Of all that is there."""
        return self._sha256.hexdigest()

    def _keep(self, validator: str | None) -> None:
        file = validator_of(self.path)
        if validator is None:
            file.unlink(missing_ok=True)
            return
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_text(validator, encoding="utf-8")
        fresh.replace(file)
