"""`python -m tests.mutants`: break each guarantee in a copy of the tree, and see a test go red."""

import os
import re
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from local_stack.choice import choose
from local_stack.folders import ROOT
from tests.mutants.every import MUTANTS
from tests.mutants.mutant import Mutant

_LEFT_OUT = (".git", ".venv", ".stack", ".tools", "__pycache__", ".*_cache", "build", "*.egg-info")
_FAILED, _BROKEN = 1, 99
"""pytest's exit code for tests that failed; any other one but 0 says that they did not run."""
_RED = re.compile(r"^FAILED |^ERROR .* - (?:assert|AssertionError)", re.MULTILINE)
"""A promise that was not kept, in a test or in what it checks at its end; a server that is away is none."""
_LONGEST_SECONDS = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every mutant is killed by its tests, and the same tests pass without it."""
    parser = ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="WORD", help="only mutants with one of these words in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once, each in a copy of its own")
    options = parser.parse_args(arguments)
    chosen = [one for one in MUTANTS if not options.names or any(word in one.name for word in options.names)]
    for one in chosen:
        one.applied_to((ROOT / one.file).read_text(encoding="utf-8"))
    servers = choose(say=_say)
    try:
        with TemporaryDirectory(prefix="mutants-") as folder:
            copies = _copies(Path(folder), options.jobs)
            return _kill(chosen, copies, {**os.environ, **servers.servers.environment()})
    finally:
        servers.stop()


def _kill(chosen: Sequence[Mutant], copies: SimpleQueue[Path], env: Mapping[str, str]) -> int:
    jobs = copies.qsize()
    tests = sorted({test for one in chosen for test in one.tests})
    with ThreadPoolExecutor(jobs) as together:
        healthy = list(together.map(lambda some: _run(some, copies, env), (tests[job::jobs] for job in range(jobs))))
        if any(code for code, _, _ in healthy):
            _say("these tests are red without any mutant:\n" + "\n".join(words for code, words, _ in healthy if code))
            return 1
        _say(f"{len(tests)} tests are green in an unchanged tree; now {len(chosen)} mutants")
        survivors = [
            one.name
            for one, dead in zip(chosen, together.map(lambda m: _try(m, copies, env), chosen), strict=True)
            if not dead
        ]
    _say(
        f"{len(chosen) - len(survivors)} of {len(chosen)} mutants killed"
        + "".join(f"\n  survived: {n}" for n in survivors)
    )
    return 1 if survivors else 0


def _try(mutant: Mutant, copies: SimpleQueue[Path], env: Mapping[str, str]) -> bool:
    code, words, seconds = _run(mutant.tests, copies, env, mutant)
    verdict = {0: "SURVIVED", _FAILED: "killed"}.get(code, "BROKEN")
    _say(f"{verdict:8} {seconds:6.1f} s  {mutant.name}\n{'':19}{words if code else ''}".rstrip())
    return code == _FAILED


def _run(
    tests: Iterable[str], copies: SimpleQueue[Path], env: Mapping[str, str], mutant: Mutant | None = None
) -> tuple[int, str, float]:
    """pytest's exit code, what failed, and how long it took."""
    began, tree = time.monotonic(), copies.get()
    file = tree / mutant.file if mutant else None
    healthy = file.read_text(encoding="utf-8") if file else ""
    if file and mutant:
        file.write_text(mutant.applied_to(healthy), encoding="utf-8")
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-B",
                "-m",
                "pytest",
                "-q",
                "-x",
                "--no-header",
                "--tb=no",
                "-p",
                "no:cacheprovider",
                *tests,
            ],
            cwd=tree,
            env={**env, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "500"},  # or pytest cuts off why
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
        words = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        code = _BROKEN if done.returncode == _FAILED and not _RED.search(done.stdout) else done.returncode
        return code, (words[0] if words else done.stdout[-2000:] + done.stderr[-2000:]), time.monotonic() - began
    except subprocess.TimeoutExpired:
        return _FAILED, f"no end after {_LONGEST_SECONDS} s", time.monotonic() - began
    finally:
        if file:
            file.write_text(healthy, encoding="utf-8")
        copies.put(tree)


def _copies(folder: Path, count: int) -> SimpleQueue[Path]:
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(count):
        tree = folder / str(number)
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        copies.put(tree)
    return copies


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is where the run talks to its person


if __name__ == "__main__":
    sys.exit(main())
