"""`python -m tests.chaos.unsteady PROGRAM`: that program, while its time of day jumps an hour at every look."""

import random
import sys
import time
from importlib import import_module

_HOUR = 3600
_CHANCE = random.Random(7)
_time, _time_ns = time.time, time.time_ns


def _jumping() -> float:
    return _time() + _CHANCE.choice((-_HOUR, 0, _HOUR))


def _jumping_ns() -> int:
    return _time_ns() + _CHANCE.choice((-_HOUR, 0, _HOUR)) * 1_000_000_000


def main() -> int:
    """Run the program; its exit code is this one's."""
    time.time, time.time_ns = _jumping, _jumping_ns
    program = import_module(f"{sys.argv.pop(1)}.__main__")
    return int(program.main())


if __name__ == "__main__":
    sys.exit(main())
