"""`make proof-bars`: corruptions that must all be found, and kills after which all goes on and ends the same."""

import json
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from local_stack.choice import choose
from local_stack.folders import stack_folder
from local_stack.servers import Servers
from migration_cli.console import show_table
from tests.proof import verify_cost
from tests.proof.bars import BARS, Bar, Part
from tests.proof.done import Done, Proven

_PARTS_OF_A_SEED = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every bar holds."""
    options = _options(arguments)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "none")  # what the SDK insists on and no local server looks at
    done = Done(stack_folder(os.environ) / "proof-bars.json", anew=options.again)
    chosen = choose(say=_say)
    try:
        found = [
            _part(chosen.servers, done, bar, number, options.seed)
            for bar in BARS
            if not options.only or bar.name in options.only
            for number in range(1, bar.parts + 1)
            if options.part in (None, number)
        ]
    finally:
        chosen.stop()
    cheap = not options.with_cost or verify_cost.main([]) == 0
    _tell(found, options, cheap=cheap)
    return 0 if cheap and not any(one.deviation for one in found) else 1


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="make proof-bars", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (1)")
    parser.add_argument("--only", action="append", choices=[bar.name for bar in BARS], help="this bar alone")
    parser.add_argument("--part", type=int, help="this part alone of each bar, from 1")
    parser.add_argument("--again", action="store_true", help="do what holds already as well")
    parser.add_argument(
        "--with-cost", action="store_true", help="time verifying against applying too; needs a machine at rest"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    return parser.parse_args(arguments)


def _part(servers: Servers, done: Done, bar: Bar, number: int, seed: int) -> Proven:
    count = bar.count * number // bar.parts - bar.count * (number - 1) // bar.parts
    name = f"{bar.name}, part {number} of {bar.parts}"
    before = done.find(bar.name, number, seed, count)
    if before is not None:
        _say(f"{name}: holds already")
        return before
    _say(f"{name}: {count:,} {bar.what} ...")
    began, where, deviation = time.monotonic(), Counter[str](), ""
    with TemporaryDirectory(prefix="proof-", ignore_cleanup_errors=True) as folder:
        try:
            where = bar.prove(Part(servers, Path(folder), number, count, seed * _PARTS_OF_A_SEED + number))
        except Exception as error:  # noqa: BLE001 - whatever ends a proof, the other ones are still wanted
            deviation = f"{type(error).__name__}: {error}"
    found = Proven(bar.name, number, seed, count, round(time.monotonic() - began, 1), dict(where), deviation)
    if deviation:
        _say(f"{name}: DOES NOT HOLD after {found.seconds:,.0f} s: {deviation}")
        _say(f"  to repeat it: .venv/bin/python -m tests.proof --seed {seed} --only {bar.name} --part {number}")
    else:
        done.keep(found)
        _say(f"{name}: holds, {found.seconds:,.0f} s")
    return found


def _tell(found: Sequence[Proven], options: Namespace, *, cheap: bool) -> None:
    if options.json:
        cost = {"cost_holds": cheap} if options.with_cost else {}
        sys.stdout.write(json.dumps({"seed": options.seed, **cost, "parts": [asdict(one) for one in found]}) + "\n")
        return
    rows = []
    for bar in BARS:
        parts = [one for one in found if one.bar == bar.name]
        if parts:
            held = [one for one in parts if not one.deviation]
            where = sum((Counter(one.where) for one in held), Counter[str]())
            told = ", ".join(f"{name} {count:,}" for name, count in where.most_common())
            outcome = "holds" if len(held) == len(parts) else f"{len(parts) - len(held)} of {len(parts)} parts DO NOT"
            seconds = sum(one.seconds for one in parts)
            rows.append((bar.name, f"{sum(one.count for one in held):,} {bar.what}", outcome, f"{seconds:,.0f}", told))
    if options.with_cost:
        rows.append(("verify_cost", "", "holds" if cheap else "DOES NOT", "", ""))
    show_table(("bar", "proven", "outcome", "seconds", "where"), rows, title=f"seed {options.seed}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
