"""A MySQL server whose data lie on a small disk of its own, which can be filled and freed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local_stack.folders import cache_folder
from local_stack.mysql import MySql
from local_stack.ports import free_port
from local_stack.process import Process, start
from local_stack.server import Place
from tests.waiting import until

_SIZE = "280m"
_SMALL = (
    "--innodb-buffer-pool-size=64M", "--innodb-redo-log-capacity=16M", "--innodb-flush-method=fsync", "--skip-log-bin",
)  # fmt: skip
_MOUNTED = 'mount -t tmpfs -o size="$0" none "$1" && cp -a "$2/." "$1" && shift 2 && exec "$@"'
_BLOCK = bytes(1 << 20)


def _alone() -> list[str]:
    """How to give a process mounts of its own, with and without being root."""
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def why_not() -> str | None:
    """What stands against a small disk on this machine, or None."""
    if shutil.which("unshare") is None:
        return "no unshare here"
    tried = subprocess.run(
        [*_alone(), "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True, text=True
    )
    return f"no process may mount here: {tried.stderr.strip()}" if tried.returncode else None


@dataclass
class SmallDisk:
    """The server and its disk."""

    url: str
    process: Process
    disk: Path

    def fill(self, *, leaving: int = 0) -> None:
        """Take all room but `leaving` bytes."""
        found = os.statvfs(self.disk)
        room = found.f_bavail * found.f_frsize - leaving
        with (self.disk / "ballast").open("ab") as file, suppress(OSError):
            while room > 0:
                room -= file.write(_BLOCK[: min(len(_BLOCK), room)])

    def free(self) -> None:
        """Give it back."""
        (self.disk / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A server that answers."""
    server = MySql()
    place = Place(cache_folder(os.environ), folder / "mysql", say=lambda _line: None)
    port = free_port()
    command = list(server.prepare(place, {"mysql": port}).arguments)
    data, disk = place.own / "data", place.own / "disk"
    disk.mkdir()
    command[command.index(f"--datadir={data}")] = f"--datadir={disk}"
    process = start(
        [*_alone(), "sh", "-c", _MOUNTED, _SIZE, str(disk), str(data), *command, *_SMALL], log=place.own / "mysql.log"
    )
    try:
        log = place.own / "mysql.log"

        def lives() -> None:
            assert process.alive(), log.read_text(encoding="utf-8")[-2000:]

        until(lambda: server.version(server.address(port)), "it answers", meanwhile=lives)
        yield SmallDisk(server.address(port), process, Path(f"/proc/{process.pid}/root", *disk.parts[1:]))
    finally:
        process.stop(kill=True)
