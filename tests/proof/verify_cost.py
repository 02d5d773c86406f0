"""`python -m tests.proof.verify_cost`: what a verification costs against applying the same rows, in one run."""

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.flow import Load, _drain, _produce
from benchmarks.services import services
from benchmarks.stage import Stage
from local_stack.choice import choose

MOST_SHARE, MOST_MIB = 0.5, 200
_LOOK_SECONDS = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when verifying takes at most half of the time from Kafka to processed rows, in at most MOST_MIB a process."""
    parser = ArgumentParser(prog="python -m tests.proof.verify_cost", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    chosen = choose(say=_say)
    stage = Stage(chosen.servers)
    load = Load("new keys", options.rows, options.rows)
    try:
        with TemporaryDirectory() as folder, stage.environment() as variables:
            database = stage.begin()
            stage.open_stream(database)
            _produce(stage, load)
            with services(variables, Path(folder)) as running:
                applying, _ = _drain(database, load, running, options.workers)
            database.close()
            seconds, peak, told = _verify(variables, options.workers)
    finally:
        stage.forget()
        chosen.stop()
    applied = options.rows / applying.per_second
    _say(f"Kafka to processed {applied:.1f} s ({applying.per_second:,.0f} rows/s)")
    _say(
        f"verify {seconds:.1f} s ({options.rows / seconds:,.0f} rows/s), {seconds / applied:.2f} of it, {peak:.0f} MiB"
    )
    return 0 if told["equal"] and seconds <= MOST_SHARE * applied and peak <= MOST_MIB else 1


def _verify(variables: dict[str, str], workers: int) -> tuple[float, float, dict[str, object]]:
    """(wall seconds with the start of all processes, MiB of the largest process, what it said)."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "migration_cli", "verify", "--json", "--workers", str(workers)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
    )
    peak = 0.0
    while child.poll() is None:
        time.sleep(_LOOK_SECONDS)
        peak = max([peak, *map(_resident, _family(child.pid))])
    seconds = time.monotonic() - began
    assert child.stdout is not None
    return seconds, peak, json.loads(child.stdout.read())


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / (1 << 20)
    except psutil.NoSuchProcess:
        return 0.0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
