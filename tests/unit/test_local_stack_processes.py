"""Servers are stopped by what they are, never by a number alone, and are not stopped while somebody needs them."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local_stack.process import Process, process_of, start
from local_stack.state import State
from tests.waiting import until


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "folder with spaces" / "server.log"


def started(log: Path, script: str = "import time; time.sleep(60)") -> Process:
    return start([sys.executable, "-c", script], log=log)


def said(log: Path) -> None:
    until(log.read_text, f"{log} says something")


def test_a_process_is_stopped_and_gone_afterwards(log):
    process = started(log)
    assert process.alive()

    process.stop()

    assert not process.alive()
    assert not Path(f"/proc/{process.pid}").exists()


def test_a_stranger_with_the_same_number_is_left_alone(log):
    process = started(log)
    earlier = replace(process, began="an earlier boot/1")

    earlier.stop()
    earlier.stop(kill=True)

    assert not earlier.alive()
    assert process.alive()
    process.stop(kill=True)


def test_one_that_does_not_listen_is_killed_in_the_end(log, monkeypatch):
    monkeypatch.setattr("local_stack.process._KILL_AFTER_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = started(log, deaf)
    said(log)

    process.stop()

    assert not process.alive()


def test_ctrl_c_in_a_terminal_does_not_reach_it(log):
    process = started(log)

    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.stop(kill=True)


def test_the_log_of_the_run_before_is_kept(log):
    for word in ("first", "second"):
        process = started(log, f"print('{word}')")
        said(log)
        process.stop()

    assert log.read_text() == "second\n"
    assert log.with_suffix(".previous.log").read_text() == "first\n"


def test_what_is_remembered_is_read_again(tmp_path):
    state = State.read(tmp_path / "state.json")
    me = process_of(os.getpid())
    state.started("mysql", me)
    state.answered("mysql", "9.7.4")
    state.needed_by([me], kept=False)

    found = State.read(tmp_path / "state.json")

    assert (found.processes, found.versions, found.users, found.kept) == (
        {"mysql": me},
        {"mysql": "9.7.4"},
        [me],
        False,
    )
    assert found.alive("mysql")


def test_a_user_that_died_needs_nothing_any_more(tmp_path, log):
    user = started(log)
    state = State.read(tmp_path / "state.json")
    state.needed_by([user, process_of(os.getpid())], kept=False)

    os.kill(user.pid, signal.SIGKILL)
    user.stop()
    state.needed_by(state.users, kept=False)

    assert state.users == [process_of(os.getpid())]


def test_a_version_of_the_run_before_says_nothing_of_this_one(tmp_path):
    state = State.read(tmp_path / "state.json")
    state.answered("mysql", "9.7.4")

    state.started("mysql", process_of(os.getpid()))

    assert state.versions == {}


def test_a_zombie_does_not_run():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = process_of(child.pid)
        assert process.alive()

        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert not process.alive()
