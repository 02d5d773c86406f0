"""Server processes that outlive the command that started them, known again by more than their number."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KILL_AFTER_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_STATE, _THREADS, _STARTED = 0, 17, 19
"""Places in /proc/<pid>/stat, counted behind the name in brackets."""


@dataclass(frozen=True, slots=True)
class Process:
    """A pid with the moment it began: the number alone may belong to a stranger by now."""

    pid: int
    began: str

    def alive(self) -> bool:
        """Whether this very process still runs; one that nobody has waited for does not."""
        return _began(self.pid) == self.began

    def stop(self, *, kill: bool = False) -> None:
        """End it, and return when it is gone."""
        if not self.alive():
            return
        os.kill(self.pid, signal.SIGKILL if kill else signal.SIGTERM)
        until = time.monotonic() + _KILL_AFTER_SECONDS
        while self.alive():
            _reap(self.pid)
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)
        _reap(self.pid)


def process_of(pid: int) -> Process:
    """The process that has this number now."""
    return Process(pid, _began(pid) or "gone")


def start(command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> Process:
    """Begin it in a session of its own, so that Ctrl-C in a terminal does not reach it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **(env or {})}, cwd=log.parent,
        )  # fmt: skip
    # Popen would warn about a child that still runs when it is collected; ours is meant to.
    child.returncode = 0
    return process_of(child.pid)


def _began(pid: int) -> str | None:
    """The boot and the tick at which `pid` began, or None when it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # Of a killed process the first thread may be a zombie while others still hold its files and locks.
    gone = fields[_STATE] in "ZX" and int(fields[_THREADS]) <= 1
    return None if gone else f"{boot}/{fields[_STARTED]}"


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # another process started it
        return
