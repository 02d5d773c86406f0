"""Passwords in files that nobody else can read, made once and found again."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from migration_core.errors import ConfigError
from runtime.durable import settle_folder

_BYTES = 24
_EVERY_KIND = "-Aa1"
"""What the password rules of a server may ask for besides length."""


def secret_in(file: Path) -> str:
    """The one line of `file`, which is made with a random one where it is not there."""
    try:
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(file)
        found = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; name a folder that can be written") from error
    except UnicodeDecodeError:
        found = ""
    if not found or "\n" in found:
        raise ConfigError(f"{file}: it must hold one line, the password; remove it to have one made")
    return found


def _make(file: Path) -> None:
    """Whole or not at all: a user whose password was lost in a power cut could not be reached by anybody."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, f"{secrets.token_urlsafe(_BYTES)}{_EVERY_KIND}\n".encode())
        os.fsync(descriptor)
        with suppress(FileExistsError):  # another run was quicker: its password is the one
            os.link(unfinished, file)
    finally:
        os.close(descriptor)
        unfinished.unlink()
    settle_folder(file.parent)
