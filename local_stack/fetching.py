"""Downloads that are complete or absent: made beside their place, moved there whole, measured at every use."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from local_stack.folders import locked
from local_stack.servers import ServerFailed

Say = Callable[[str], None]

_MARKER = ".complete"
_LOOK_SECONDS = 0.5
_LINE_SECONDS = 5.0


def fetched(place: Path, recipe: str, make: Callable[[Path], None]) -> Path:
    """`place` as `make` filled it for this `recipe`; made anew when it is not what its marker says."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.parent / "locks" / place.name):
        if not _is_complete(place, recipe):
            unfinished = place.with_name(f"{place.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            (unfinished / _MARKER).write_text(_mark(unfinished, recipe), encoding="utf-8")
            shutil.rmtree(place, ignore_errors=True)
            unfinished.rename(place)
    return place


def run_watched(
    command: Sequence[str], *, growing: Path, label: str, say: Say, env: Mapping[str, str] | None = None
) -> None:
    """Run a package client and tell how much it has brought to `growing`; what it printed is shown when it fails."""
    growing.mkdir(parents=True, exist_ok=True)
    log = growing / "client.log"
    began = last = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env)
        try:
            while child.poll() is None:
                time.sleep(_LOOK_SECONDS)
                if time.monotonic() - last >= _LINE_SECONDS:
                    last = time.monotonic()
                    say(f"  {label}: {_bytes_in(growing) / 1e6:.0f} MB after {last - began:.0f} s")
        except BaseException:
            child.terminate()
            child.wait()
            raise
    if child.returncode:
        raise ServerFailed(f"{label} failed ({command[0]} exited {child.returncode}): {_last_words(log)}")


def say_on_stderr(line: str) -> None:
    """Progress for a person; stdout is for what was asked."""
    print(line, file=sys.stderr, flush=True)


def _is_complete(place: Path, recipe: str) -> bool:
    marker = place / _MARKER
    return marker.is_file() and marker.read_text(encoding="utf-8") == _mark(place, recipe)


def _mark(folder: Path, recipe: str) -> str:
    """What was asked for, how much came, and each jar's digest; unpacked packages are too much to read each time."""
    files = [entry for entry in _files(folder) if entry.name != _MARKER]
    size = sum(entry.stat(follow_symlinks=False).st_size for entry in files)
    return f"{recipe}\n{len(files)} files\n{size} bytes\n{digests(sorted(folder.glob('lib/*.jar')))}"


def digests(files: Iterable[Path]) -> str:
    """One line a file, as `sha256sum` writes it but without folders."""
    return "".join(f"{sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def _bytes_in(folder: Path) -> int:
    total = 0
    for entry in _files(folder):
        try:
            total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:  # a client renames its partial files
            continue
    return total


def _files(folder: Path) -> list[os.DirEntry[str]]:
    found, waiting = [], [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        found.append(entry)
        except FileNotFoundError:
            continue
    return found


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "[ERROR]"))]
    return (errors or lines or ["it said nothing"])[0 if errors else -1]
