"""`python -m tests.fuzz`: try every reader of foreign bytes with inputs made up by a fuzzer.

A run takes a minute or two; `--full` goes on until every target has reached its bar, also after an interruption, since
its counts are kept below .stack/fuzz. A finding is written to tests/fuzz/findings, is told with the command that
repeats it, and begins its target's count anew.
"""

import json
import random
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from local_stack.folders import ROOT
from tests.fuzz.every import TARGETS
from tests.fuzz.running import GUIDED, Stretch, run
from tests.fuzz.target import Target

_FOLDER = ROOT / ".stack" / "fuzz"
_SHORT = 100
"""What part of its bar a target runs without --full."""
_STRETCHES = 10
"""Into how many processes a full run of a target is cut: no more than one of them is lost by an interruption."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every promise held, 1 for findings."""
    parser = ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all when left out")
    parser.add_argument("--full", action="store_true", help="go on until each target has reached its bar")
    parser.add_argument("--seed", type=int, help="the same seed makes up the same inputs; chosen when left out")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="try one finding again, in the open")
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - TARGETS.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}: choose from {', '.join(TARGETS)}")
    if options.repeat:
        TARGETS[options.repeat.parent.name].run(options.repeat.read_bytes())
        _say(f"every promise of {options.repeat.parent.name} holds for {options.repeat}")
        return 0
    seed = random.randrange(1 << 31) if options.seed is None else options.seed
    _say(f"SEED={seed}, {'guided by coverage' if GUIDED else 'without guidance: no atheris for this platform'}")
    chosen = [TARGETS[name] for name in options.targets or TARGETS]
    return 1 if sum(_fuzz(one, seed, full=options.full) for one in chosen) else 0


def _fuzz(target: Target, seed: int, *, full: bool) -> int:
    """How many findings; a target stops at its first one."""
    folder = _FOLDER / target.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "count.json"
    count = json.loads(file.read_text(encoding="utf-8")) if full and file.exists() else 0
    until = target.bar if full else target.bar // _SHORT
    while True:
        if count >= until:
            _say(f"{target.name:14} {count:9,} of {until:9,} executions, no finding")
            return 0
        began = time.monotonic()
        stretch = run(target, min(until - count, -(-until // _STRETCHES) if full else until), seed + count, folder)
        count = 0 if stretch.findings else count + stretch.executions
        if full:
            file.write_text(json.dumps(count), encoding="utf-8")
            _say(f"{target.name:14} {count:9,} of {until:9,} in {time.monotonic() - began:.0f} s more")
        if stretch.findings:
            _tell(stretch)
            return len(stretch.findings)


def _tell(stretch: Stretch) -> None:
    _say(stretch.said[-3000:])
    for path in stretch.findings:
        place = path.relative_to(ROOT)
        _say(f"FINDING {place}: {path.read_bytes()[:200]!r}\n  repeat it with: make fuzz REPEAT={place}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is where the run talks to its person


if __name__ == "__main__":
    sys.exit(main())
