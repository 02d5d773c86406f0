"""`python -m tests.fuzz.blind TARGET RUNS SEED`: the same targets without guidance, where no guided fuzzer installs.

Seeded changes of known inputs: also the short part of it that runs with the unit tests.
"""

import hashlib
import random
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from tests.fuzz.every import TARGETS
from tests.fuzz.target import SECONDS, Target

_ADDRESSES = 4 << 30
"""Bytes of address space, of which libraries take a part before anything is read."""
_TOKENS = (b"{", b"}", b"[", b"]", b'"', b"\\", b":", b",", b"\n", b"\0", b"\xff", b"\\ud800", b"1e999", b"-", b"null",
           b"\xef\xbb\xbf", b"NaN", b"\xfe", b"\xfb", b"&a ", b"*a", b"9" * 25)  # fmt: skip


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """Without end: known inputs with a few changes each, the same ones for the same seed."""
    chance = random.Random(f"{target.name} {seed}")
    known = [one for one in target.seeds() if len(one) <= target.longest] or [b""]
    while True:
        yield _changed(chance.choice(known), known, chance)[: target.longest]


def _changed(data: bytes, known: Sequence[bytes], chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(data))
        to = min(len(data), at + chance.choice((0, 1, 1, 4, 16)))
        match chance.randrange(5):
            case 0:
                data = data[:at] + chance.randbytes(chance.randint(1, 3)) + data[to:]
            case 1:
                data = data[:at] + chance.choice(_TOKENS) + data[to:]
            case 2:
                data = data[:at] + data[to:]
            case 3:
                data = data[:at] + data[at:to] * chance.randint(2, 9) + data[to:]
            case _:
                data = data[:at] + chance.choice(known)[at:]
    return data


class _Hang(BaseException):
    """One input took too long; nothing that a reader catches."""


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise _Hang(f"over {SECONDS} s for one input")


def main(arguments: Sequence[str]) -> int:
    """1 after the first broken promise, whose input is kept."""
    name, runs, seed, folder = arguments
    signal.signal(signal.SIGALRM, _stop)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    for number, data in zip(range(int(runs)), inputs(TARGETS[name], int(seed)), strict=False):
        try:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            TARGETS[name].run(data)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except (Exception, _Hang):
            (Path(folder) / f"crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
            sys.stderr.write(f"stat::number_of_executed_units: {number}\n")
            raise
    sys.stderr.write(f"stat::number_of_executed_units: {runs}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
