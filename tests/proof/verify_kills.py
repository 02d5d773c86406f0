"""`python -m tests.proof.verify_kills`: a verification killed at many random moments goes on, and ends the same."""

import os
import random
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from db.verify_store import last_finished, patterns
from examples.health_devices.population import Sizes
from examples.health_devices.scenario import HealthDevices
from local_stack.choice import choose
from tests.integration.verifying import verified
from tests.proof.corrupting import corrupt
from tests.proof.loaded import Loaded, loaded

_AGAIN = 75


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every run ends with the differences of one that nobody killed, and counts none twice."""
    parser = ArgumentParser(prog="python -m tests.proof.verify_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=1_000)
    options = parser.parse_args(arguments)
    chosen = choose(say=_say)
    dice, killed, bad = random.Random(options.seed), 0, 0
    try:
        with (
            TemporaryDirectory() as folder,
            loaded(chosen.servers, HealthDevices(Sizes.of_users(options.users)), Path(folder)) as world,
        ):
            world.load(world.scenario.initial())
            corrupt(world.database, world.mapping, 1_000, seed=options.seed)
            began = time.monotonic()
            whole = _counts(world, verified(world).run_id)
            seconds = time.monotonic() - began
            while killed < options.kills:
                kills = _run(world, dice, seconds, most=options.kills - killed)
                killed += kills
                counts = _last_counts(world)
                bad += counts != whole
                _say(f"{killed} kills so far, {kills} of this run; " + ("the same" if counts == whole else "OTHERWISE"))
    finally:
        chosen.stop()
    return 1 if bad else 0


def _run(world: Loaded, dice: random.Random, seconds: float, *, most: int) -> int:
    """One verification from its beginning to its end; how often it was killed on the way."""
    kills = 0
    while True:
        child = subprocess.Popen(
            [sys.executable, "-m", "migration_cli", "verify", "--json", "--workers", str(dice.choice((1, 2)))],
            env={**os.environ, "DATABASE_URL": world.url, "MIGRATION_CONFIG": str(world.mapping_file)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            code = child.wait(dice.uniform(0.3, 1.0 + seconds) if kills < most else None)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            kills += 1
        else:
            if code != _AGAIN:  # the lock of a killed one is given back a moment later
                return kills


def _last_counts(world: Loaded) -> object:
    with world.database.transaction() as session:
        run = last_finished(session)
        assert run is not None
    return _counts(world, run.run_id)


def _counts(world: Loaded, run_id: int) -> object:
    """{(table, kind, column, pattern): count}, and the rows that were kept."""
    with world.database.transaction() as session:
        counts = {(p.table, p.kind, p.column, p.pattern): p.differences for p in patterns(session, run_id)}
        kept = session.rows(
            "SELECT COUNT(*) FROM verify_difference JOIN verify_pattern USING (pattern_id) WHERE run_id = %s", (run_id,)
        )
    return counts, kept


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
