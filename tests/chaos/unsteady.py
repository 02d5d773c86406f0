"""`python -m tests.chaos.unsteady PROGRAM`: a program whose time of day jumps an hour to and fro at every look."""

import random
import runpy
import sys
import time

_HOUR = 3600
_CHANCE = random.Random(7)
_time, _time_ns = time.time, time.time_ns


def _jumping() -> float:
    return _time() + _CHANCE.choice((-_HOUR, 0, _HOUR))


def _jumping_ns() -> int:
    return _time_ns() + _CHANCE.choice((-_HOUR, 0, _HOUR)) * 1_000_000_000


if __name__ == "__main__":
    time.time, time.time_ns = _jumping, _jumping_ns
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
