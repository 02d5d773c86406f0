"""Column functions that no user should write, named from mappings of tests: deadly, hanging, greedy and slow ones."""

import os
import re
import signal
import time

FATAL = "fatal"


def kills(value: str) -> str:
    """As a fault in a C library would."""
    if value == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def hangs(value: str) -> str:
    """A regular expression that never ends, and lets no other thread run meanwhile."""
    if value == FATAL:
        re.match("(a+)+$", "a" * 64 + "b")
    return value


def needs_memory(value: str) -> str:
    """What Python raises when the system has no more."""
    if value == FATAL:
        raise MemoryError
    return value


def slow(value: str) -> str:
    """A row takes its time."""
    time.sleep(0.004)
    return value
