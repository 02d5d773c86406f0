"""The servers of a test run: chosen by the first of its workers that needs them, stopped when the run is over."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from local_stack.choice import Chosen, choose
from local_stack.fetching import Say
from local_stack.folders import locked, stack_folder
from local_stack.process import process_of
from local_stack.servers import Servers


class TestRun:
    """All processes of one `pytest`: its workers, where it has some, and the one that controls them."""

    __test__ = False  # pytest would take it for a class of tests

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._is_worker = "PYTEST_XDIST_WORKER" in env
        # Workers come and go, and one that crashes leaves no word: the controller stays until the end.
        self._owner = process_of(os.getppid() if self._is_worker else os.getpid())
        self._folder = stack_folder(env) / "runs" / str(self._owner.pid)

    def servers(self, say: Say) -> Servers:
        """Where they are; the first worker that asks starts them."""
        with locked(self._folder):
            chosen = self._remembered()
            if chosen is None:
                self._forget_the_dead()
                chosen = choose(self._env, say=say, user=self._owner)
                self._file.write_text(chosen.to_json(), encoding="utf-8")
                say(chosen.why)
        return chosen.servers

    def end(self) -> None:
        """Stop what the run has started: the business of the one process that outlives all the others."""
        if not self._is_worker and (chosen := self._remembered()) is not None:
            chosen.stop()
            shutil.rmtree(self._folder)

    def _forget_the_dead(self) -> None:
        """Folders of runs that were killed; what they had started is removed by whoever starts the like again."""
        for folder in self._folder.parent.iterdir():
            if not Path("/proc", folder.name).exists():
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def _file(self) -> Path:
        return self._folder / "chosen.json"

    def _remembered(self) -> Chosen | None:
        """What this very run has chosen; a run of the past may have had the same number."""
        if not self._file.exists():
            return None
        chosen = Chosen.from_json(self._file.read_text(encoding="utf-8"))
        return chosen if chosen.user == self._owner else None
