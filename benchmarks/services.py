"""The programs as real processes, with what they say of themselves and what they take from the machine."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from urllib.error import URLError

import psutil

from migration_core.errors import MigrationError
from replay.children import Child, Children

_LOOK_SECONDS = 0.1
_START_SECONDS = 60.0
_REQUESTS = re.compile(rb"^migration_sqs_requests_total\{[^}]*\} (\S+)$", re.MULTILINE)
_MIB = 1 << 20


@dataclass(slots=True)
class Usage:
    """What one process takes: resident memory in MiB, processor time in seconds."""

    peak: float = 0.0
    end: float = 0.0
    processor: float = 0.0

    def look(self, pid: int) -> None:
        """See what it takes now; a process that is gone keeps what was seen last."""
        try:
            process = psutil.Process(pid)
            size, times = process.memory_info().rss / _MIB, process.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return
        if size:  # a process that has ended and was not waited for holds nothing
            self.end = size
            self.peak = max(self.peak, size)
            self.processor = times.user + times.system


@dataclass(slots=True)
class Services:
    """Programs under one watch."""

    children: Children
    usage: dict[str, Usage] = field(default_factory=dict)
    _started: list[Child] = field(default_factory=list)

    def launch(self, name: str, program: str) -> Child:
        """Start one."""
        child = self.children.start(name, program)
        self._started.append(child)
        self.usage[name] = Usage()
        return child

    def start(self, name: str, program: str) -> None:
        """Start one, and return when it is ready."""
        child = self.launch(name, program)
        until = time.monotonic() + _START_SECONDS
        while not _ready(child):
            self.children.check()
            if time.monotonic() > until:
                raise MigrationError(f"{name} is not ready after {_START_SECONDS:.0f} s; see {child.log}")
            time.sleep(_LOOK_SECONDS)

    def requests(self) -> int:
        """Requests to SQS so far, over all services."""
        return sum(int(float(found)) for child in self._started for found in _REQUESTS.findall(_get(child, "/metrics")))

    def processor_seconds(self) -> float:
        """Processor time of all services so far."""
        self.look()
        return sum(usage.processor for usage in self.usage.values())

    def look(self) -> None:
        """See what every process takes now."""
        for child in list(self._started):
            self.usage[child.name].look(child.process.pid)

    def watch(self, over: Event) -> None:
        """Look until `over`."""
        while not over.wait(_LOOK_SECONDS):
            self.look()


@contextmanager
def services(environment: Mapping[str, str], logs: Path) -> Iterator[Services]:
    """Services that are gone when the block is."""
    found = Services(Children(environment, logs))
    over = Event()
    watcher = Thread(target=found.watch, args=(over,), daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        found.children.stop()


def _ready(child: Child) -> bool:
    if _port(child) is None:
        return False
    try:
        _get(child, "/readyz")
    except (URLError, OSError):
        return False
    return True


def _port(child: Child) -> int | None:
    """Where the program listens: it takes a free port and says which in its log."""
    for line in child.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if '"http_listening"' in line:
            return int(json.loads(line)["port"])
    return None


def _get(child: Child, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{_port(child)}{path}", timeout=10) as answer:
        return bytes(answer.read())
