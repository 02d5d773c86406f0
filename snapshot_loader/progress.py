"""How far a load is: a bar on a terminal, a log line now and then elsewhere."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Protocol, TextIO

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


class Progress(Protocol):
    """Told of every chunk."""

    def begin(self, stream: str, rows: int) -> None:
        """A stream of `rows` rows is next."""

    def advance(self, rows: int, *, skipped: bool = False) -> None:
        """Rows are stored; `skipped` ones were stored before this run."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where a stream stands."""

    stream: str
    rows: int
    of: int
    rows_per_second: int
    eta_seconds: int | None


def logged(told: Told) -> None:
    """As an event."""
    log.info("snapshot_progress", extra=asdict(told))


class SpokenProgress:
    """One line every ten seconds, and one at the end of each stream."""

    def __init__(self, tell: Callable[[Told], None] = logged, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._stream = ""
        self._total = self._done = self._stored = 0
        self._began = self._told = 0.0

    def begin(self, stream: str, rows: int) -> None:
        self._stream, self._total, self._done, self._stored = stream, rows, 0, 0
        self._began = self._told = self._clock()

    def advance(self, rows: int, *, skipped: bool = False) -> None:
        self._done += rows
        self._stored += 0 if skipped else rows
        now = self._clock()
        if now - self._told >= EVERY_SECONDS or self._done == self._total:
            self._told = now
            rate = self._stored / max(now - self._began, 0.001)
            eta = round((self._total - self._done) / rate) if rate else None
            self._tell(Told(self._stream, self._done, self._total, round(rate), eta))


class BarProgress:
    """A bar a stream, with rate and time left."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("", visible=False)

    def begin(self, stream: str, rows: int) -> None:
        self._task = self._bars.add_task(stream, total=rows, stored=0)

    def advance(self, rows: int, *, skipped: bool = False) -> None:
        task = next(task for task in self._bars.tasks if task.id == self._task)
        stored = task.fields["stored"] + (0 if skipped else rows)
        self._bars.update(self._task, advance=rows, stored=stored)


class MeteredProgress:
    """Any progress, with the rows of this run counted as well."""

    def __init__(self, shown: Progress, counted: Callable[[str, int], None]) -> None:
        self._shown = shown
        self._counted = counted
        self._stream = ""

    def begin(self, stream: str, rows: int) -> None:
        self._stream = stream
        self._shown.begin(stream, rows)

    def advance(self, rows: int, *, skipped: bool = False) -> None:
        self._shown.advance(rows, skipped=skipped)
        if not skipped:
            self._counted(self._stream, rows)


class SharedProgress:
    """Any progress, told by several threads."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._lock = Lock()

    def begin(self, stream: str, rows: int) -> None:
        with self._lock:
            self._shown.begin(stream, rows)

    def advance(self, rows: int, *, skipped: bool = False) -> None:
        with self._lock:
            self._shown.advance(rows, skipped=skipped)


class _Rate(ProgressColumn):
    def __init__(self, shown: Callable[[float], str]) -> None:
        super().__init__()
        self._shown = shown

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time or task.elapsed or 0
        rate = task.fields.get("stored", 0) / elapsed if elapsed else 0
        return Text(self._shown(rate))


def progress_on(
    stream: TextIO, tell: Callable[[Told], None] = logged, *, of_bytes: bool = False
) -> tuple[AbstractContextManager[object], Progress]:
    """What to enter while it shows, and the progress itself: `tell` is for what is no terminal."""
    if not stream.isatty():
        return nullcontext(), SpokenProgress(tell)
    bars = Bars(
        TextColumn("{task.description:<16}"),
        BarColumn(),
        DownloadColumn() if of_bytes else MofNCompleteColumn(),
        _Rate((lambda rate: f"{decimal(int(rate))}/s") if of_bytes else (lambda rate: f"{rate:,.0f} rows/s")),
        TimeRemainingColumn(),
        console=Console(file=stream),
    )
    return bars, BarProgress(bars)
