"""A process that hangs ends itself, whatever it hangs in, and one that moves does not."""

import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from runtime.health import Heartbeat

BODY = """
import re, threading, time
from datetime import timedelta
from runtime.health import Heartbeat
from runtime.stuck import ends_when_stuck

heart = Heartbeat(timedelta(seconds=60))
heart._next_told = float("-inf")
over = threading.Event()

def beating():
    while not over.is_set():
        heart.beat()
        heart._next_told = float("-inf")
        time.sleep(0.01)

def hang_once():
    heart.beat()
    time.sleep(60)

with ends_when_stuck(heart, timedelta(seconds={seconds})):
    {act}
over.set()
time.sleep({seconds} + 0.2)
"""
HANGS = {
    "asleep": "time.sleep(60)",
    "in a regular expression, where no other thread runs": "re.match('(a+)+$', 'a' * 60 + 'b')",
    "in another thread than the one that moves": "threading.Thread(target=hang_once, daemon=True).start(); beating()",
    "in the main thread while another moves": "threading.Thread(target=beating, daemon=True).start(); time.sleep(60)",
}


def ended(act, seconds=0.5):
    """Exit code and stderr; one that would hang for ever is not left behind."""
    return subprocess.run(
        [sys.executable, "-c", BODY.format(act=act, seconds=seconds)],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("act", HANGS.values(), ids=HANGS.keys())
def test_a_process_that_hangs_ends_with_1_and_its_stacks_on_stderr(act):
    process = ended(act)

    assert process.returncode == 1
    assert "most recent call first" in process.stderr


def test_a_process_that_moves_lives_on_and_is_not_ended_afterwards():
    process = ended(
        "[(heart.beat(), setattr(heart, '_next_told', 0), time.sleep(0.02)) for _ in range(150)]", seconds=2
    )

    assert (process.returncode, process.stderr) == (0, "")


def test_the_loop_that_is_latest_counts():
    moment = [0.0]
    heart = Heartbeat(timedelta(seconds=10), clock=lambda: moment[0])

    beaten, leave = threading.Event(), threading.Event()

    def other():
        heart.beat()
        beaten.set()
        leave.wait()
        heart.leave()

    thread = threading.Thread(target=other)
    thread.start()
    beaten.wait()
    moment[0] = 11.0
    heart.beat()
    late = (heart.age(), heart.moves())
    leave.set()
    thread.join()

    assert late == (11.0, False)
    assert (heart.age(), heart.moves()) == (0.0, True)


def test_a_thread_that_has_left_is_not_waited_for():
    moment = [0.0]
    heart = Heartbeat(timedelta(seconds=10), clock=lambda: moment[0])
    moment[0] = 20.0
    heart.leave()

    assert heart.moves()
