"""`python -m tests.fuzz`: try every reader of foreign bytes with inputs made up by a fuzzer.

A run takes a minute or two; `--full` goes on until every target has reached its bar, also after an interruption, since
its counts are kept below .stack/fuzz. A finding is written to tests/fuzz/findings, is told with the command that
repeats it, and begins its target's count anew.
"""

import json
import random
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local_stack.folders import ROOT
from tests.fuzz.every import TARGETS
from tests.fuzz.running import GUIDED, Stretch, run
from tests.fuzz.target import Target

_FOLDER = ROOT / ".stack" / "fuzz"
_SHORT = 25
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
    fuzz = _to_its_bar if options.full else _shortly
    return 1 if sum(fuzz(TARGETS[name], seed) for name in options.targets or TARGETS) else 0


def _shortly(target: Target, seed: int) -> int:
    """How many findings a part of the bar gives, which nothing but the seed decides."""
    with TemporaryDirectory(prefix="fuzz-") as folder:
        stretch = run(target, target.bar // _SHORT, seed, Path(folder))
    return _told(target, stretch.executions, stretch)


def _to_its_bar(target: Target, seed: int) -> int:
    """How many findings; a target stops at its first one, and begins again from there with what it has learned."""
    folder = _FOLDER / target.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "count.json"
    count = json.loads(file.read_text(encoding="utf-8")) if file.exists() else 0
    if count >= target.bar:
        _say(f"{target.name:14} {count:9,} executions, no finding")
    while count < target.bar:
        stretch = run(target, min(target.bar - count, target.bar // _STRETCHES), seed + count, folder)
        count = 0 if stretch.findings else count + stretch.executions
        file.write_text(json.dumps(count), encoding="utf-8")
        if found := _told(target, count, stretch):
            return found
    return 0


def _told(target: Target, count: int, stretch: Stretch) -> int:
    if not stretch.findings:
        _say(f"{target.name:14} {count:9,} executions, no finding, {stretch.seconds:.0f} s")
        return 0
    _say(stretch.said[-3000:])
    for path in stretch.findings:
        place = path.relative_to(ROOT)
        _say(f"FINDING {place}: {path.read_bytes()[:200]!r}\n  repeat it with: make fuzz REPEAT={place}")
    return len(stretch.findings)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is where the run talks to its person


if __name__ == "__main__":
    sys.exit(main())
