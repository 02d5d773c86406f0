"""Programs of this tree in processes of their own that begin at once: forked from one that has imported them all."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from replay.children import Child, Children
from runtime.exits import run

COMMAND = "migration_cli"
_DIE_WITH_THE_PARENT = 1
"""PR_SET_PDEATHSIG."""

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(  # the one place that may: whoever says it last would have forgotten all the others
    [
        "tests.chaos.failpoints",
        "tests.integration.forked",
        "migration_cli.__main__",
        "migration_cli.fetching",
        "migration_cli.redrive",
        "migration_cli.reload",
        "migration_cli.replay_schema",
        "migration_cli.verify",
        "migration_master.__main__",
        "migration_statistics.running",
        "migration_verifier.__main__",
        "migration_verifier.verify",
        "migration_worker.__main__",
        "migration_worker.redriving",
        "migration_worker.replaying",
        "snapshot_loader.__main__",
        "snapshot_loader.taking",
    ]
)


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, alone: bool = False) -> BaseProcess:
    """Begin `migration …`, with the tests' own variables too unless `alone`; it speaks to LOG.out and LOG.err."""
    out, err = (str(f"{log}.{end}") for end in ("out", "err"))
    return _begun(COMMAND, arguments, {**({} if alone else os.environ), **environment}, out, err)


def said(log: Path) -> tuple[str, str]:
    """What it wrote to stdout and to stderr."""
    out, err = (Path(f"{log}.{end}").read_text(encoding="utf-8") for end in ("out", "err"))
    return out, err


@dataclass(frozen=True, slots=True)
class Forked:
    """A forked process with the verbs of `subprocess.Popen` that `Children` uses."""

    process: BaseProcess

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.process), timeout or 0)
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def service(module: str, environment: Mapping[str, str], log: Path, *arguments: str) -> Forked:
    """Begin a service as `python -m MODULE ARGUMENTS` would; all that it says goes to `log`."""
    return Forked(_begun(module, arguments, {**os.environ, **environment}, str(log), str(log)))


class ForkedChildren(Children):
    """The same programs as `Children` starts, without the second that an interpreter and its imports take."""

    def start(self, name: str, *arguments: str, **variables: str) -> Child:
        """Start the program ARGUMENTS[0] with the other arguments."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        module, *rest = arguments
        child = Child(name, service(module, {**self.environment, **variables}, log, *rest), log)
        self.running.append(child)
        return child


def _begun(module: str, arguments: Sequence[str], environment: dict[str, str], out: str, err: str) -> BaseProcess:
    for log in (out, err):
        Path(log).open("ab").close()  # there at once, for whoever looks into it
    # All of its environment, as it is here and now: the process that forks remembers another moment.
    child = CONTEXT.Process(target=_program, args=(module, tuple(arguments), environment, out, err))
    child.start()
    return child


def _program(module: str, arguments: tuple[str, ...], environment: dict[str, str], out: str, err: str) -> None:
    os.setsid()  # Ctrl-C in a terminal reaches the tests alone, which then ask each to leave
    _end_with_the_tests()
    opened = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(opened, 1)
    os.dup2(opened if out == err else os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    main = import_module(f"{module}.__main__").main
    sys.exit(run(main))


def _end_with_the_tests() -> None:
    """Also where they are killed: the process that forks ends when nobody holds its pipe, and its children with it."""
    pipe = forkserver._forkserver._forkserver_alive_fd
    if pipe is not None and sys.platform == "linux":
        os.close(pipe)
        ctypes.CDLL(None).prctl(_DIE_WITH_THE_PARENT, signal.SIGKILL)
