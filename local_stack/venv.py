"""A virtual environment with exactly what a lock names, made by any Python ≥ 3.11, with or without pip and ensurepip.

Debian and Ubuntu ship Python without either. pip's own file is fetched then as a package and unpacked, without root.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from local_stack.debian import packages_of_this_release
from local_stack.fetching import fetched, say_on_stderr
from local_stack.folders import ROOT, locked
from local_stack.servers import ServerFailed
from migration_core.errors import ConfigError

_REMEDY = "install it with: sudo apt-get install python3-venv python3-pip"
_DEPLOY = "deploy"  # the CDK app has an environment of its own: nothing else needs its packages
_AT_LEAST = (3, 11)
_USAGE = 2
_LINE_SECONDS = 5


def main() -> int:
    """Make it where it is missing or older than the lock; 2 when it cannot be made, with the line that helps."""
    if sys.version_info < _AT_LEAST:
        say_on_stderr(f"Python {sys.version.partition(' ')[0]} is too old, 3.11 or later is needed")
        return _USAGE
    try:
        with locked(ROOT / ".tools"):
            if _DEPLOY in sys.argv[1:]:
                ensure(ROOT / "deploy" / ".venv", ROOT / "deploy" / "requirements.txt", programs=False)
            else:
                ensure(ROOT / ".venv", ROOT / "requirements-dev.txt", programs=True)
    except (ConfigError, ServerFailed) as error:
        say_on_stderr(str(error))
        return _USAGE
    return 0


def ensure(venv: Path, lock: Path, *, programs: bool) -> None:
    """A complete environment has its mark; anything else is made anew. `programs` adds the command `migration`."""
    mark, wanted = venv / "made-from", _fingerprint(lock)
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted and (venv / "bin" / "python").exists():
        return
    pip = _pip()
    say_on_stderr(f"making {venv.relative_to(ROOT)} with Python {sys.version.partition(' ')[0]} (a minute, once)")
    shutil.rmtree(venv, ignore_errors=True)
    # Not the interpreter of this very environment, which is gone by now.
    python = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([python, "-m", "venv", "--without-pip", str(venv)], check=True)
    install = [*pip, "--python", str(venv / "bin" / "python"), "install", "--no-input", "--disable-pip-version-check"]
    _run([*install, "--progress-bar=off", "--require-hashes", "-r", str(lock)])
    if programs:
        # The packages themselves stay where they are; the command `migration` comes beside the others.
        _run([*install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    mark.write_text(wanted, encoding="utf-8")


def _fingerprint(lock: Path) -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]} {hashlib.sha256(lock.read_bytes()).hexdigest()}\n"


def _pip() -> list[str]:
    """How to call a pip that can install into another environment."""
    if _works([sys.executable, "-m", "pip"]):
        return [sys.executable, "-m", "pip"]
    if find_spec("ensurepip") is not None:
        bundled = sorted((Path(sys.base_prefix) / "lib").glob("python3*/ensurepip/_bundled/pip-*.whl"))
        if bundled:
            return [sys.executable, str(bundled[-1] / "pip")]
    if shutil.which("apt-get") is None:
        raise ConfigError(f"Python has neither pip nor ensurepip; {_REMEDY}")
    place = fetched(ROOT / ".tools" / "pip", "python3-pip-whl", _fetch_pip)
    wheels = sorted(place.glob("root/usr/share/python-wheels/pip-*.whl"))
    found = [sys.executable, str(wheels[-1] / "pip")] if wheels else []
    if not found or not _works(found):
        raise ConfigError(f"no pip that runs here could be fetched; {_REMEDY}")
    return found


def _fetch_pip(folder: Path) -> None:
    say_on_stderr("fetching pip (Debian package, unpacked; nothing is installed)")
    packages_of_this_release(folder, "python3-pip-whl", label="pip", say=say_on_stderr)


def _works(pip: Sequence[str]) -> bool:
    # `--python`, since pip 22.3, is what installs into an environment that has no pip of its own.
    said = subprocess.run([*pip, "--python", sys.executable, "--version"], check=False, capture_output=True)
    return said.returncode == 0


def _run(pip: Sequence[str]) -> None:
    """Its progress as one line a few seconds; all that it said when it fails."""
    said, packages, told = [], 0, time.monotonic()
    with subprocess.Popen(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        for line in child.stdout or ():
            said.append(line)
            packages += line.startswith("Collecting ")
            if time.monotonic() - told > _LINE_SECONDS:
                told = time.monotonic()
                say_on_stderr(f"  pip: {packages} packages fetched")
    if child.returncode:
        say_on_stderr("".join(said))
        raise ConfigError(f"pip failed, see above; where Python itself is incomplete, {_REMEDY}")


if __name__ == "__main__":
    sys.exit(main())
