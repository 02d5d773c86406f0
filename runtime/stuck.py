"""Ends a process whose work stands still: whoever starts it again goes on, and what it hung on has left its mark."""

import faulthandler
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from runtime.health import Heartbeat


@contextmanager
def ends_when_stuck(heartbeat: Heartbeat, limit: timedelta) -> Iterator[None]:
    """While it runs: a thread that does not beat for `limit` ends the process with exit code 1, its stacks on stderr.

    The timer is not Python's own, since a regular expression or a C library that hangs lets no other thread run.
    """

    def set_again() -> None:
        left = limit.total_seconds() - heartbeat.age()
        # Zero is no time that the timer takes; a thread that is late already has had its time.
        faulthandler.dump_traceback_later(max(left, 0.001), exit=True, file=sys.__stderr__ or sys.stderr)

    heartbeat.on_beat(set_again)
    set_again()
    try:
        yield
    finally:
        heartbeat.on_beat(lambda: None)
        faulthandler.cancel_dump_traceback_later()
