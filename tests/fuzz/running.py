"""One stretch of fuzzing in a process of its own, so that a hang or a bomb ends that process alone."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from local_stack.folders import ROOT
from tests.fuzz.target import SECONDS, Target

FINDINGS = ROOT / "tests" / "fuzz" / "findings"
"""Inputs that broke a promise: kept with the tests, which try each of them for ever."""
GUIDED = find_spec("atheris") is not None

_MEGABYTES = 1024
"""What a process may hold before an input counts as unbounded memory."""
_RUNS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one process did."""

    executions: int
    findings: list[Path]
    said: str
    seconds: float


def run(target: Target, runs: int, seed: int, folder: Path) -> Stretch:
    """Try `runs` inputs; what guides the next stretch is kept in `folder`."""
    corpus, seeds, found, scratch = (folder / name for name in ("corpus", "seeds", "found", "scratch"))
    for one in (corpus, seeds, found, scratch):
        one.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(data)
    if GUIDED:
        flags = [f"-runs={runs}", f"-seed={seed % (1 << 31) + 1}", f"-max_len={target.longest}", f"-timeout={SECONDS}"]
        flags += [f"-rss_limit_mb={_MEGABYTES}", f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0"]
        command = ["tests.fuzz.guided", target.name, *flags, str(corpus), str(seeds)]
    else:
        command = ["tests.fuzz.blind", target.name, str(runs), str(seed), str(found)]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        # With other hashes the same seed would take other ways through sets; libFuzzer leaves without tidying up.
        env={**os.environ, "PYTHONHASHSEED": "0", "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    shutil.rmtree(scratch)
    said = done.stdout.decode(errors="replace")
    kept = [_kept(target, one) for one in sorted(found.iterdir())]
    if done.returncode and not kept:
        raise RuntimeError(f"the fuzzer itself failed with {done.returncode}:\n{said[-4000:]}")
    told = _RUNS.search(said)
    return Stretch(int(told[1]) if told else 0, kept, said, time.monotonic() - began)


def _kept(target: Target, finding: Path) -> Path:
    place = FINDINGS / target.name
    place.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(finding, place / finding.name))
