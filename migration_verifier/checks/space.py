"""Whether the disks hold what the migration will write: an estimate, and a warning where nobody can look."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db.engine import Database
from db.server_facts import application_settings
from migration_core.errors import SnapshotError
from migration_core.finding import Finding, failed, passed, warned
from migration_core.manifest import FILE_NAME, Manifest, parse

PART = "space"
_RAW, _PROCESSED = 1.3, 1.7
"""Bytes in raw and processed tables for each byte of a record, indexes included; generous, since records differ."""
_SPARE = 1.2
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Space:
    """Sizes in bytes; None where they cannot be seen from here."""

    records: int | None
    """Of the snapshot, decompressed."""
    binary_log: bool
    data_free: int | None
    """On the disk of MySQL's data directory."""
    snapshot_free: int
    """On the volume of the snapshot folder."""


def space_findings(control: Database, folder: Path) -> Iterator[Finding]:
    """Look at the snapshot folder, and at the server's data directory where it is on this machine."""
    settings = application_settings(control)
    try:
        manifest = _manifest(folder)
    except SnapshotError as error:
        yield failed(PART, "snapshot", str(error), "make the snapshot anew, or mend its manifest")
        return
    records = None if manifest is None else _decompressed(manifest)
    data = Path(settings.data_directory)
    data_free = shutil.disk_usage(data).free if data.is_dir() else None
    yield from judged_space(Space(records, settings.log_bin, data_free, shutil.disk_usage(folder).free))


def judged_space(space: Space) -> Iterator[Finding]:
    """What the sizes mean. Pure."""
    if space.records is None:
        told = f"no snapshot yet, {_size(space.snapshot_free)} free"
        yield warned(PART, "snapshot", told, "see that the export of the whole platform fits; then look again")
        return
    yield passed(PART, "snapshot", f"{_size(space.records)} of records, {_size(space.snapshot_free)} free beside them")
    tables = space.records * (_RAW + _PROCESSED)
    # The binary log holds every row once more: in raw and in processed.
    needed = round((tables * 2 if space.binary_log else tables) * _SPARE)
    told = f"raw and processed tables{' and binary log' if space.binary_log else ''} need about {_size(needed)}"
    if space.data_free is None:
        remedy = "the server's disk cannot be seen from here: look at it, or at its autoscaling limit"
        yield warned(PART, "MySQL", told, remedy)
    elif space.data_free < needed:
        remedy = "give the server a larger disk: a full one stops everything, though nothing is lost"
        yield failed(PART, "MySQL", f"{told}, {_size(space.data_free)} are free", remedy)
    else:
        yield passed(PART, "MySQL", f"{told}, {_size(space.data_free)} are free")


def _manifest(folder: Path) -> Manifest | None:
    file = folder / FILE_NAME
    try:
        return parse(file.read_bytes(), file=str(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnapshotError(f"{file}: {error.strerror}") from error


def _decompressed(manifest: Manifest) -> int:
    return sum(part.decompressed_bytes for stream in manifest.streams for part in stream.parts)


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB / 10 else f"{count / (1 << 20):.1f} MiB"
