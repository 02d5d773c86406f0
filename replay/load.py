"""The snapshot of a living source, taken beneath its changes and loaded; the same call goes on where one was killed."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

from examples.scenario import Scenario
from migration_core.errors import MigrationError
from migration_core.manifest import FILE_NAME
from replay.plan import marker
from replay.source import INITIAL

_LOOK_SECONDS = 0.2


class StepFailed(MigrationError):
    """A program of the replay did not end well; its own words stand above."""


def run_load(scenario: Scenario, folder: Path, *, stop: Event) -> None:
    """Wait for the source, take the snapshot if there is none yet, and load it."""
    while not marker(folder, INITIAL).exists():
        if stop.wait(_LOOK_SECONDS):
            return
    if not (folder / FILE_NAME).exists():
        fuzzy = ["--fuzzy"] if scenario.fuzzy else []
        _run("migration_cli", "snapshot", "take", str(folder), *fuzzy)
    _run("snapshot_loader")


def _run(*arguments: str) -> None:
    """As a process of its own, which hears the signals of this one's group."""
    code = subprocess.run([sys.executable, "-m", *arguments], env=os.environ.copy(), check=False).returncode
    if code != 0:
        raise StepFailed(f"{' '.join(arguments)} ended with exit code {code}")
