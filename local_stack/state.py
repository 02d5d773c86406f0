"""What a stack remembers between commands: the ports it was given, the processes it started, whose they are."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Self

from local_stack.ports import free_port, is_free
from local_stack.process import Process


@dataclass(slots=True)
class State:
    """Kept in one file, replaced as a whole; one thread a server may tell it what became of that server."""

    file: Path
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    users: list[Process] = field(default_factory=list)
    """Sessions that need the servers; the last one that leaves stops them, unless they are kept."""
    kept: bool = False
    """Whether a person has asked for them to stay."""
    _one_writer: Lock = field(default_factory=Lock)

    @classmethod
    def read(cls, file: Path) -> Self:
        """What was remembered; nothing where there is no file."""
        if not file.exists():
            return cls(file)
        kept = json.loads(file.read_text(encoding="utf-8"))
        processes = {name: Process(**process) for name, process in kept["processes"].items()}
        users = [Process(**user) for user in kept.get("users", [])]
        return cls(file, kept["ports"], processes, kept["versions"], users, kept.get("kept", True))

    def started(self, name: str, process: Process) -> None:
        """Remember a process, before anything can go wrong with it."""
        with self._one_writer:
            self.processes[name] = process
            self.versions.pop(name, None)
            self._write()

    def answered(self, name: str, version: str) -> None:
        """Remember what answers."""
        with self._one_writer:
            self.versions[name] = version
            self._write()

    def stopped(self, name: str) -> None:
        """Forget a process that is gone."""
        with self._one_writer:
            del self.processes[name]
            self._write()

    def needed_by(self, users: list[Process], *, kept: bool) -> None:
        """Remember for whom the servers run; whoever has died needs nothing any more."""
        with self._one_writer:
            self.users = [user for user in users if user.alive()]
            self.kept = kept
            self._write()

    def alive(self, name: str) -> bool:
        """Whether the process remembered under this name still runs."""
        return name in self.processes and self.processes[name].alive()

    def reserve(self, *names: str) -> None:
        """The ports that these had, or others where a stranger has taken them."""
        for name in names:
            if name not in self.ports or not is_free(self.ports[name]):
                self.ports[name] = free_port(but=self.ports.values())

    def _write(self) -> None:
        kept = {
            "ports": self.ports,
            "processes": {name: asdict(process) for name, process in self.processes.items()},
            "versions": self.versions,
            "users": [asdict(user) for user in self.users],
            "kept": self.kept,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(kept, indent=2), encoding="utf-8")
        unfinished.replace(self.file)
