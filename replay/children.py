"""The programs of a replay as child processes: each with its log, all of them gone when the replay is."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migration_core.errors import MigrationError

_LEAVE_SECONDS = 15
_LAST_LINES = 5


class ChildFailed(MigrationError):
    """A program ended when it should not have; the message holds its last words and where its log is."""


@dataclass(slots=True)
class Child:
    """One running program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])


@dataclass(slots=True)
class Children:
    """Starts programs of this tree and ends them by the process ids that it started."""

    environment: Mapping[str, str]
    logs: Path
    running: list[Child] = field(default_factory=list)

    def start(self, name: str, *arguments: str, **variables: str) -> Child:
        """Start `python -m ARGUMENTS` in the background."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment, **variables},
                start_new_session=True,  # Ctrl-C reaches the replay alone, which then asks each to leave
            )
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def run(self, name: str, *arguments: str, **variables: str) -> Child:
        """Run a program to its end; ChildFailed when it does not end well."""
        child = self.start(name, *arguments, **variables)
        try:
            code = child.process.wait()
        finally:
            self.stop(child)
        if code != 0:
            raise ChildFailed(f"{name} ended with exit code {code}; its log is {child.log}:\n{child.last_words()}")
        return child

    def check(self) -> None:
        """Raise when a program that should run has ended."""
        for child in self.running:
            code = child.process.poll()
            if code is not None:
                raise ChildFailed(f"{child.name} ended with exit code {code}; see {child.log}:\n{child.last_words()}")

    def stop(self, *children: Child) -> None:
        """Ask these (or all) to leave, and insist after a while."""
        chosen = list(children) or list(self.running)
        for child in chosen:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        for child in chosen:
            try:
                child.process.wait(_LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self.running = [child for child in self.running if child not in chosen]
