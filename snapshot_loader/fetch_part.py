"""Fetches one part: from where an earlier run stopped, verified whole, and only then under its name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event

from migration_core.errors import ConfigError, SnapshotError, Transient
from migration_core.manifest import Part
from migration_core.steps import Reached, Step
from remote_files.remote import Body, Changed, Remote
from runtime.exits import Stopped
from runtime.retry import patiently
from snapshot_loader.fetch_space import FetchSpace
from snapshot_loader.partial_file import PartialFile
from snapshot_loader.progress import Progress
from snapshot_loader.stopping import StoppedEarly

_EXPORT = "wait until the export is complete, or ask for it anew"
_STRIDE = 1 << 16
"""Bytes further than ever before that count as progress: a source that gives less is like one that is away."""


@dataclass(frozen=True, slots=True)
class PartFetched:
    """What one part took."""

    fetched_bytes: int = 0
    """That came over the network."""
    resumed_bytes: int = 0
    """That an earlier run had left."""
    retries: int = 0


@dataclass(frozen=True, slots=True)
class PartSource:
    """What all parts of a fetch have in common."""

    remote: Remote
    space: FetchSpace
    stop: Event
    progress: Progress
    reached: Reached
    patience: timedelta
    """How long a source may give nothing new."""
    waiting: Callable[[str], None]
    """Told why it is waited."""


class PartFetch:
    """One part."""

    def __init__(self, source: PartSource, number: int, part: Part) -> None:
        self._source = source
        self._part = part
        self._path = source.space.partial(number, part)
        self._where = source.remote.shown(part.file)
        self._furthest = self._fetched = self._retries = 0
        self._pieced = False
        """Whether bytes of several answers were put together."""

    def fetch(self) -> PartFetched:
        """Bring the part into place; StoppedEarly at a checkpoint when the process shall leave."""
        self._pulse(0)
        with PartialFile(self._path) as file:
            try:
                resumed = self._verified(file)
            except OSError as error:
                raise SnapshotError(
                    f"{self._told(file)}: {error.strerror}: mend that, and run the same command again"
                ) from error
        self._source.reached(Step.FETCH_PART_VERIFIED)
        self._source.space.place(self._path, self._part)
        self._source.reached(Step.FETCH_PART_PLACED)
        self._source.space.note(self._part)
        return PartFetched(self._fetched, resumed, self._retries)

    def _verified(self, file: PartialFile) -> int:
        """All bytes are there, are the right ones, and will stay; how many of them were there before."""
        file.resume(self._part.bytes, lambda: self._pulse(file.at))
        resumed = self._furthest = file.at
        self._pieced = bool(resumed)
        self._source.progress.advance(resumed, skipped=True)
        self._complete(file)
        if file.sha256() != self._part.sha256 and self._pieced:
            # What was there need not be what once came: the power may have gone, or the source's file have changed.
            self._anew(file, None)
            self._complete(file)
        self._expect_digest(file)
        return resumed

    def _complete(self, file: PartialFile) -> None:
        """Go on until all bytes are there, with patience as long as the source gives more."""
        try:
            while file.at < self._part.bytes:
                patiently(
                    partial(self._further, file),
                    stop=self._source.stop,
                    what=self._part.file,
                    patience=self._source.patience,
                    told=self._source.waiting,
                )
        except Stopped as error:
            raise StoppedEarly(f"{self._part.file} at byte {file.at}") from error
        finally:
            file.settle()

    def _further(self, file: PartialFile) -> None:
        """One request; that it broke off is an error only where it brought nothing new."""
        try:
            self._request(file)
        except StoppedEarly:
            raise
        except Transient as error:
            self._retries += 1
            if file.at - self._furthest < _STRIDE:
                raise Transient(f"{self._told(file)}: {error}") from error
            self._furthest = file.at
        except (SnapshotError, ConfigError) as error:
            raise type(error)(f"{self._told(file)}: {error}") from error

    def _request(self, file: PartialFile) -> None:
        offset = file.at if file.validator else 0  # nothing else says that the rest would be of the same file
        try:
            with self._source.remote.open(self._part.file, offset=offset, validator=file.validator) as body:
                self._expect_size(body)
                if body.offset != file.at or not file.at:
                    self._anew(file, body.validator)
                self._pieced |= bool(file.at)
                for block in body.blocks:
                    self._take(file, block)
        except Changed as error:
            self._anew(file, None)
            raise Transient(f"{error}: it is begun anew") from error
        if file.at < self._part.bytes:
            raise Transient(f"{self._where}: the answer ended too soon: run the same command again later")

    def _take(self, file: PartialFile, block: bytes) -> None:
        if file.at + len(block) > self._part.bytes:
            raise SnapshotError(f"{self._where}: it has more bytes than the manifest says: {_EXPORT}")
        file.append(block)
        self._fetched += len(block)
        self._source.progress.advance(len(block))
        self._pulse(file.at)

    def _anew(self, file: PartialFile, validator: str | None) -> None:
        self._source.progress.advance(-file.at, skipped=True)
        self._pieced = False
        file.begin(validator)
        self._source.reached(Step.FETCH_PART_BEGUN)

    def _expect_size(self, body: Body) -> None:
        if body.size is not None and body.size != self._part.bytes:
            raise SnapshotError(f"{self._where}: it has {body.size} bytes: {_EXPORT}")

    def _expect_digest(self, file: PartialFile) -> None:
        found = file.sha256()
        if found != self._part.sha256:
            told = self._told(file)
            file.begin(None)
            raise SnapshotError(
                f"{told}: {self._where}: its SHA-256 is {found}, the manifest says {self._part.sha256}: {_EXPORT}"
            )

    def _pulse(self, at: int) -> None:
        if self._source.stop.is_set():
            raise StoppedEarly(f"{self._part.file} at byte {at}")

    def _told(self, file: PartialFile) -> str:
        return f"{self._part.file}: byte {file.at} of {self._part.bytes}"
