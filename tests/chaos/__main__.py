"""`make chaos`: rounds in which much goes wrong at once, each proved by the oracle; a seed repeats the plan."""

import json
import logging
import os
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from secrets import randbelow

from local_stack.folders import stack_folder
from local_stack.own import Stack, own_stack
from local_stack.servers import Servers
from tests.chaos import recovery, report
from tests.chaos.campaign import Campaign, kills_of
from tests.chaos.plan import Size, plan_of
from tests.chaos.recovery import Recovery
from tests.chaos.round import Tally, play
from tests.proof.done import fingerprint

_MINUTES = 9.0
"""No round is begun that would end later, if it took as long as the longest so far."""
_REPEATS, _REPEATS_FULL = 3, 10


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every round holds."""
    options = _options(arguments)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "none")  # what the SDK insists on and no local server looks at
    seed = options.seed if options.seed is not None else randbelow(1_000_000)
    folder = stack_folder(os.environ) / "chaos"
    folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=folder / "chaos.log", filemode="w")  # clients of ours that miss a server complain
    with own_stack(say=_say) as (stack, servers):
        _say(f"seed {seed}")
        chaos = _Chaos(stack, servers, folder)
        if options.what == "recovery":
            return chaos.recovery(seed, options)
        return chaos.full(seed, options) if options.full else chaos.quick(seed, options)


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["rounds", "recovery"], default="rounds", help="(rounds)")
    parser.add_argument("--seed", type=int, help="of the first round; the next ones count on from it (random)")
    parser.add_argument("--full", action="store_true", help="until the bar is reached, from where it stopped before")
    parser.add_argument("--rounds", type=int, help=f"so many rounds (as many as fit in {_MINUTES:.0f} minutes)")
    parser.add_argument("--repeats", type=int, help=f"of each fault of recovery ({_REPEATS}; {_REPEATS_FULL})")
    parser.add_argument("--rate", type=int, default=recovery.RATE, help=f"records a second there ({recovery.RATE})")
    parser.add_argument("--again", action="store_true", help="with --full: from the beginning")
    parser.add_argument("--publish", action="store_true", help="write what was measured to docs/reliability.md")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    return parser.parse_args(arguments)


class _Chaos:
    def __init__(self, stack: Stack, servers: Servers, folder: Path) -> None:
        self._stack = stack
        self._servers = servers
        self._folder = folder

    def quick(self, seed: int, options: Namespace) -> int:
        """A few minutes' worth."""
        rounds: list[Tally] = []
        over = time.monotonic() + _MINUTES * 60

        def another() -> bool:
            if options.rounds:
                return len(rounds) < options.rounds
            return time.monotonic() + max((one.seconds for one in rounds), default=0.0) < over

        while another() and not any(one.deviations for one in rounds):
            rounds.append(self._round(seed + len(rounds)))
        return _summary(seed, rounds, [], options)

    def full(self, seed: int, options: Namespace) -> int:
        """Until the bar is reached; a round that deviates ends it, and is not counted as done."""
        file = self._folder / "full.json"
        if options.again:
            file.unlink(missing_ok=True)
        campaign = Campaign.opened(file, fingerprint(), seed)
        if campaign.rounds:
            _say(f"going on behind {len(campaign.rounds)} rounds that hold already")
        while left := campaign.left():
            _say(f"  so far: {'; '.join(left)}")
            one = self._round(campaign.next_seed)
            if one.deviations:
                return _summary(campaign.seed, [*campaign.rounds, one], campaign.recoveries, options)
            campaign.rounds.append(one)
            campaign.keep()
        if not campaign.recovered:
            campaign.recoveries, found = self._measured(campaign.seed, options.repeats or _REPEATS_FULL, options.rate)
            if found:
                return 1
            campaign.recovered = True
            campaign.keep()
        report.put("campaign", report.campaign_text(campaign))
        report.put("recovery", report.recovery_text(campaign.recoveries, campaign.seed))
        return _summary(campaign.seed, campaign.rounds, campaign.recoveries, options)

    def recovery(self, seed: int, options: Namespace) -> int:
        """How long each fault is felt."""
        found, deviations = self._measured(seed, options.repeats or _REPEATS, options.rate)
        if options.publish and not deviations:
            report.put("recovery", report.recovery_text(found, seed))
        sys.stdout.write(
            json.dumps([asdict(one) for one in found]) + "\n"
            if options.json
            else report.recovery_text(found, seed) + "\n"
        )
        return 1 if deviations else 0

    def _round(self, seed: int) -> Tally:
        """One round; where it does not hold, its logs stay."""
        work = self._folder / f"round-{seed}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        began = time.monotonic()
        try:
            plan = plan_of(seed, Size())
            found = play(
                self._servers, plan, work, stack=self._stack, linked=True, told=partial(_tell, f"round {seed}")
            )
        except Exception as error:  # noqa: BLE001 - whatever ends a round, it is told with its seed
            found = Tally(seed, seconds=round(time.monotonic() - began, 1))
            found.deviations.append(f"{type(error).__name__}: {error}")
        kills = kills_of([found])
        told = f"round {seed}: {found.records:,} records, {kills.total()} kills, {found.seconds:.0f} s"
        if found.deviations:
            _say(f"{told}: DOES NOT HOLD; logs are in {work}")
            for one in found.deviations:
                _say(f"  {one}")
            _say(f"  to repeat it: make chaos SEED={seed} T='--rounds 1'")
        else:
            _say(f"{told}: holds")
            shutil.rmtree(work, ignore_errors=True)
        return found

    def _measured(self, seed: int, repeats: int, rate: int) -> tuple[list[Recovery], list[str]]:
        work = self._folder / f"recovery-{seed}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()

        def told(one: Recovery) -> None:
            _say(
                f"{one.fault}: full rate after {one.full_rate} s, caught up after {one.caught_up} s, "
                f"a lane stood still for {one.stood_still} s"
            )

        try:
            found, deviations = recovery.measure(
                self._servers, self._stack, work, repeats=repeats, rate=rate, seed=seed, told=told
            )
        except Exception as error:  # noqa: BLE001 - as in a round
            found, deviations = {}, [f"{type(error).__name__}: {error}"]
        for one in deviations:
            _say(f"DOES NOT HOLD: {one}; to repeat it: make chaos T=recovery SEED={seed}")
        return [one for ones in found.values() for one in ones], deviations


def _summary(seed: int, rounds: Sequence[Tally], recoveries: Sequence[Recovery], options: Namespace) -> int:
    kills = kills_of(rounds)
    failed = [one for one in rounds if one.deviations]
    if options.json:
        told = {"seed": seed, "records": sum(one.records for one in rounds), "kills": dict(kills)}
        told |= {"rounds": [asdict(one) for one in rounds], "recoveries": [asdict(one) for one in recoveries]}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(
            f"seed {seed}: {len(rounds)} rounds, {sum(one.records for one in rounds):,} records, "
            f"{kills.total():,} kills ({', '.join(f'{role} {count}' for role, count in sorted(kills.items()))}), "
            f"{len(failed)} rounds do not hold\n"
        )
    for one in failed:
        _say(f"to repeat it: make chaos SEED={one.seed} T='--rounds 1'")
    return 1 if failed else 0


def _tell(what: str, line: str) -> None:
    _say(f"  {what}: {line}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
