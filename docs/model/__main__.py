"""`python -m docs.model`: try every order of events in each model, and see each guard missed when it is left out."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import NamedTuple

from docs.model.checker import Checked, check
from docs.model.checks import FULL, Check


class Tried(NamedTuple):
    """One check, and how long it took."""

    checked: Checked
    bounds: str
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every model keeps its promises, and none does without one of its guards."""
    parser = ArgumentParser(prog="python -m docs.model", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="WORD", help="only models with one of these words in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    options = parser.parse_args(arguments)
    chosen = [one for one in FULL if not options.names or any(word in one.name for word in options.names)]
    if not chosen:
        parser.error(f"no model is named so; there are {', '.join(one.name for one in FULL)}")
    began = time.monotonic()
    with ProcessPoolExecutor(options.jobs) as pool:
        whole = [(one, pool.submit(_try, one, "")) for one in chosen]
        broken = [(one, guard, pool.submit(_try, one, guard)) for one in chosen for guard in one.guards]
        failed = _tell_whole(whole) + _tell_broken(broken)
    print(f"\n{len(whole)} models, {len(broken)} without a guard, {time.monotonic() - began:.0f} s")
    for words in failed:
        print(f"FAILED: {words}")
    return 1 if failed else 0


def _try(one: Check, guard: str) -> Tried:
    model = one.build(without=guard)
    began = time.monotonic()
    checked = check(model)
    return Tried(checked, model.bounds, time.monotonic() - began)


def _tell_whole(whole: Iterable[tuple[Check, "Future[Tried]"]]) -> list[str]:
    """Models that break a promise with all guards in place."""
    failed = []
    for one, future in whole:
        checked, bounds, seconds = future.result()
        print(f"{one.name}: {checked.states:,} states, {checked.steps:,} steps, {seconds:.1f} s\n     {bounds}")
        if checked.found is not None:
            print(f"{checked.found}")
            failed.append(f"{one.name}: {checked.found.promise}")
        sys.stdout.flush()
    return failed


def _tell_broken(broken: Iterable[tuple[Check, str, "Future[Tried]"]]) -> list[str]:
    """Guards that nobody missed."""
    failed = []
    for one, guard, future in broken:
        found = future.result().checked.found
        print(f"\n{one.name}, without: {guard} ({one.guards[guard]})")
        if found is None:
            failed.append(f"{one.name}: nothing goes wrong without the guard {guard!r}")
        print(found or "  => nothing goes wrong")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
