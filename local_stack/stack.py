"""The three servers as processes of this machine: brought up, looked at, stopped, killed and made anew."""

import os
import platform
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack.elasticmq import ElasticMq
from local_stack.fetching import Say, say_on_stderr
from local_stack.folders import cache_folder, locked, stack_folder
from local_stack.kafka import Kafka
from local_stack.mysql import MySql
from local_stack.process import Process, start
from local_stack.server import Place, Server
from local_stack.servers import ServerFailed, Servers
from local_stack.state import State
from migration_core.errors import ConfigError

SERVERS: Sequence[Server] = (MySql(), Kafka(), ElasticMq())
_ARRIVES_WITHIN_SECONDS = 90.0
_LOOK_SECONDS = 0.1
_LOG_TAIL_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Status:
    """One server as it is now."""

    title: str
    version: str | None
    address: str | None
    log: Path
    reason: str | None
    """Why it does not run, where it should."""

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self.version is not None


class LocalStack:
    """One set of servers with ports, data and logs of its own under `directory`; downloads are shared."""

    def __init__(self, directory: Path | None = None, *, cache: Path | None = None, say: Say = say_on_stderr) -> None:
        self.directory = (directory or stack_folder(os.environ)).absolute()
        self._cache = cache or cache_folder(os.environ)
        self._say = say

    def up(self, user: Process | None = None) -> Servers:
        """Every server that does not run is fetched, made and started; returns when all answer.

        They stay until `down`; servers that were started for a `user` go when the last one has left.
        """
        _refuse_other_machines()
        with locked(self.directory):
            state = self._state()
            state.needed_by([*state.users, *([user] if user else [])], kept=state.kept or user is None)
            self._fetch(state)
            self._reserve(state, SERVERS)
            with ThreadPoolExecutor() as together:
                list(together.map(lambda server: self._start(server, state), SERVERS))
        return self.servers()

    def fetch(self) -> None:
        """Bring what the servers run on to the cache."""
        _refuse_other_machines()
        with locked(self.directory):
            self._fetch(self._state())

    def leave(self, user: Process) -> None:
        """What `up` was told to start for this user is not needed by it any more."""
        with locked(self.directory):
            state = self._state()
            state.needed_by([other for other in state.users if other != user], kept=state.kept)
            if not (state.users or state.kept):
                self._stop_all(state, kill=False)

    def down(self, *, kill: bool = False) -> None:
        """Stop what this stack started; data stay."""
        with locked(self.directory):
            state = self._state()
            state.needed_by([], kept=False)
            self._stop_all(state, kill=kill)

    def reset(self) -> None:
        """Stop the servers and remove their data, their logs and the ports; downloads stay."""
        self.down(kill=True)
        for server in SERVERS:
            shutil.rmtree(self._place(server).own, ignore_errors=True)
        self._state().file.unlink(missing_ok=True)

    def start(self, name: str) -> None:
        """One server, as it was; returns when it answers."""
        with locked(self.directory):
            server = _server(name)
            state = self._state()
            self._reserve(state, [server])
            self._start(server, state)

    def stop(self, name: str) -> None:
        """One server, in good order."""
        with locked(self.directory):
            self._stop(_server(name), self._state(), kill=False)

    def kill(self, name: str) -> None:
        """One server, as a power cut would."""
        with locked(self.directory):
            self._stop(_server(name), self._state(), kill=True)

    def restart(self, name: str, *, kill: bool = False) -> None:
        """Stop or kill one server, and start it again at the same port."""
        (self.kill if kill else self.stop)(name)
        self.start(name)

    def needed(self) -> bool:
        """Whether somebody who needs the servers is still there."""
        state = self._state()
        return state.kept or any(user.alive() for user in state.users)

    def kept(self) -> bool:
        """Whether a person has asked for the servers to stay, and all of them run."""
        return self._state().kept and running(self.directory) is not None

    def status(self) -> list[Status]:
        """All three, those that should run and do not with the reason."""
        state = self._state()
        return [self._status(server, state) for server in SERVERS]

    def servers(self) -> Servers:
        """Where they are; ServerFailed when one does not run."""
        found = running(self.directory)
        if found is None:
            missing = [one for one in self.status() if not one.running]
            raise ServerFailed("; ".join(f"{one.title}: {one.reason or 'not running'}" for one in missing))
        return found

    def log(self, name: str) -> Path:
        """The log of the server's present run, or of its last."""
        return self._place(_server(name)).own / f"{name}.log"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reset()

    def _fetch(self, state: State) -> None:
        for server in SERVERS:
            if not state.alive(server.name):
                server.fetch(self._place(server))

    @staticmethod
    def _reserve(state: State, servers: Sequence[Server]) -> None:
        for server in servers:
            if not state.alive(server.name):
                state.reserve(*server.ports)

    def _start(self, server: Server, state: State) -> None:
        if not state.alive(server.name):
            command = server.prepare(self._place(server), state.ports)
            state.started(server.name, start(command.arguments, log=self.log(server.name), env=command.env))
        address = server.address(state.ports[server.ports[0]])
        until = time.monotonic() + _ARRIVES_WITHIN_SECONDS
        while (version := server.version(address)) is None:
            if not state.alive(server.name):
                raise ServerFailed(f"{server.title} died: {self._cause(server)}")
            if time.monotonic() > until:
                raise ServerFailed(f"{server.title} does not answer: {self._cause(server)}")
            time.sleep(_LOOK_SECONDS)
        state.answered(server.name, version)

    def _stop_all(self, state: State, *, kill: bool) -> None:
        with ThreadPoolExecutor() as together:
            list(together.map(lambda server: self._stop(server, state, kill=kill), SERVERS))

    @staticmethod
    def _stop(server: Server, state: State, *, kill: bool) -> None:
        process = state.processes.get(server.name)
        if process is not None:
            process.stop(kill=kill)
            state.stopped(server.name)

    def _status(self, server: Server, state: State) -> Status:
        port = state.ports.get(server.ports[0])
        address = server.address(port) if port else None
        version = server.version(address) if address and state.alive(server.name) else None
        reason = None
        if version is None and server.name in state.processes:
            reason = f"{'does not answer' if state.alive(server.name) else 'died'}: {self._cause(server)}"
        return Status(server.title, version, address, self.log(server.name), reason)

    def _cause(self, server: Server) -> str:
        log = self.log(server.name)
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        cause = server.cause(text) or (f"its log ends: {lines[-1]}" if lines else "it said nothing")
        return f"{cause} ({log})"

    def _place(self, server: Server) -> Place:
        return Place(self._cache, self.directory / server.name, self._say)

    def _state(self) -> State:
        return State.read(self.directory / "state.json")


def why_not() -> str | None:
    """What stands against native servers on this machine, or None."""
    if (system := f"{platform.system()} {platform.machine()}") != "Linux x86_64":
        return f"native servers are for Debian and Ubuntu on x86-64, and this is {system}"
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    return f"native servers need {' and '.join(missing)}" if missing else None


def _refuse_other_machines() -> None:
    if reason := why_not():
        raise ConfigError(f"{reason}; use Docker there")


def running(directory: Path | None = None) -> Servers | None:
    """The servers of the stack at `directory` (STACK_DIR, `.stack/`), or None when one of them is not running."""
    folder = (directory or stack_folder(os.environ)).absolute()
    state = State.read(folder / "state.json")
    if not all(state.alive(server.name) and server.name in state.versions for server in SERVERS):
        return None
    mysql, kafka, sqs = (server.address(state.ports[server.ports[0]]) for server in SERVERS)
    versions = {f"{server.name}_version": state.versions[server.name] for server in SERVERS}
    return Servers(mysql, kafka, sqs, **versions, origin=f"native, {folder}")


def _server(name: str) -> Server:
    return next(server for server in SERVERS if server.name == name)
