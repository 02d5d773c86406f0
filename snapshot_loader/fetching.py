"""Brings a snapshot folder from elsewhere: parts a few at once, and the manifest last."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event

from migration_core.errors import ConfigError, SnapshotError
from migration_core.manifest import FILE_NAME, Manifest, Part, parse
from migration_core.steps import Reached, Step, nothing
from remote_files.remote import Remote
from runtime.durable import settle_folder
from runtime.exits import Stopped
from runtime.retry import patiently
from snapshot_loader.fetch_part import PartFetch, PartFetched, PartSource
from snapshot_loader.fetch_space import NAME, FetchSpace, clear, fetch_space, has_size
from snapshot_loader.folder import LARGEST, read_manifest
from snapshot_loader.progress import Progress, SharedProgress
from snapshot_loader.stopping import StoppedEarly
from snapshot_loader.writing import FRESH, place_manifest

PATIENCE = timedelta(minutes=1)
_Numbered = tuple[int, Part]


@dataclass(frozen=True, slots=True)
class Fetching:
    """One transfer."""

    remote: Remote
    folder: Path
    stop: Event
    """Set when the process shall leave; the fetch sets it, too, when one of its parts cannot go on."""
    progress: Progress
    parallel: int = 4
    patience: timedelta = PATIENCE
    waiting: Callable[[str], None] = lambda _why: None
    reached: Reached = nothing


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a transfer took."""

    folder: str
    parts: int
    bytes: int
    parts_found: int
    """That were in place already."""
    fetched_bytes: int = 0
    resumed_bytes: int = 0
    retries: int = 0


def fetch(fetching: Fetching) -> Fetched:
    """Make the folder equal to its source, or leave it without a manifest; the same call again goes on."""
    text = _manifest_text(fetching)
    manifest = parse(text, file=fetching.remote.shown(FILE_NAME))
    parts = list(enumerate(part for stream in manifest.streams for part in stream.parts))
    _expect_no_clash(parts)
    folder = fetching.folder
    try:
        folder.mkdir(exist_ok=True)
        with fetch_space(folder) as space:
            if _is_complete(folder, manifest):
                fetched = _total(fetching, parts, len(parts), [])
            else:
                fetched = _bring(fetching, space, parts)
                place_manifest(folder, text)  # last: whoever sees it may load the folder
                fetching.reached(Step.FETCH_MANIFEST_PLACED)
            clear(folder)
    except OSError as error:
        where = error.filename or folder
        raise SnapshotError(f"{where}: {error.strerror}: mend that, and run the same command again") from error
    return fetched


def _expect_no_clash(parts: Sequence[_Numbered]) -> None:
    for _, part in parts:
        if part.file.partition("/")[0] in (NAME, FRESH):
            raise SnapshotError(f"{part.file}: a fetch keeps files of its own under this name: name the part otherwise")


def _manifest_text(fetching: Fetching) -> bytes:
    """All of the manifest, which is small."""
    where = fetching.remote.shown(FILE_NAME)

    def read() -> bytes:
        text = bytearray()
        with fetching.remote.open(FILE_NAME) as body:
            for block in body.blocks:
                text += block
                if len(text) > LARGEST:
                    raise SnapshotError(f"SNAP_LIMIT: {where} has over {LARGEST} bytes: is it a manifest?")
        return bytes(text)

    try:
        return patiently(read, stop=fetching.stop, what=where, patience=fetching.patience, told=fetching.waiting)
    except Stopped as error:
        raise StoppedEarly("nothing is fetched yet") from error


def _is_complete(folder: Path, manifest: Manifest) -> bool:
    """By this manifest and by sizes: parts were verified before the manifest came, and the loader hashes them again."""
    file = folder / FILE_NAME
    if not file.exists():
        return False
    if read_manifest(folder) != manifest:
        raise SnapshotError(
            f"{file} is of another snapshot than the source's: fetch into another folder, or remove that file first"
        )
    if all(has_size(folder / part.file, part) for stream in manifest.streams for part in stream.parts):
        return True
    file.unlink()  # until the parts are there again, nobody may take the folder for whole
    settle_folder(folder)
    return False


def _bring(fetching: Fetching, space: FetchSpace, parts: Sequence[_Numbered]) -> Fetched:
    def pulse() -> None:
        if fetching.stop.is_set():
            raise StoppedEarly("looking at the parts that are there")

    space.keep_only({space.partial(number, part) for number, part in parts})
    missing = [(number, part) for number, part in parts if not space.is_placed(part, pulse)]
    _expect_room(fetching.folder, space, missing)
    progress = SharedProgress(fetching.progress)
    found = len(parts) - len(missing)
    absent = {number for number, _ in missing}
    progress.begin("snapshot", sum(part.bytes for _, part in parts))
    progress.advance(sum(part.bytes for number, part in parts if number not in absent), skipped=True)
    source = PartSource(
        remote=fetching.remote,
        space=space,
        stop=fetching.stop,
        progress=progress,
        reached=fetching.reached,
        patience=fetching.patience,
        waiting=fetching.waiting,
    )
    fetched = _side_by_side([PartFetch(source, number, part) for number, part in missing], fetching)
    fetching.reached(Step.FETCH_PARTS_PLACED)
    return _total(fetching, parts, found, fetched)


def _side_by_side(fetches: Sequence[PartFetch], fetching: Fetching) -> list[PartFetched]:
    """A few at once; the first that cannot go on lets the others stop where they are."""
    with ThreadPoolExecutor(fetching.parallel, thread_name_prefix="fetch") as pool:
        running = [pool.submit(one.fetch) for one in fetches]
        try:
            return [done.result() for done in as_completed(running)]
        except BaseException:
            fetching.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _expect_room(folder: Path, space: FetchSpace, missing: Sequence[_Numbered]) -> None:
    """Before hours are spent."""
    partial = (space.partial(number, part) for number, part in missing)
    there = sum(file.stat().st_size for file in partial if file.exists())
    coming = sum(part.bytes for _, part in missing) - there
    free = shutil.disk_usage(folder).free
    if coming > free:
        raise ConfigError(
            f"{folder} has room for {free:,} bytes, and {coming:,} are to come: make room, or take another"
        )


def _total(fetching: Fetching, parts: Sequence[_Numbered], found: int, fetched: Sequence[PartFetched]) -> Fetched:
    return Fetched(
        folder=str(fetching.folder),
        parts=len(parts),
        bytes=sum(part.bytes for _, part in parts),
        parts_found=found,
        fetched_bytes=sum(one.fetched_bytes for one in fetched),
        resumed_bytes=sum(one.resumed_bytes for one in fetched),
        retries=sum(one.retries for one in fetched),
    )
