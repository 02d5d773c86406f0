"""What a caller of a program gets: an exit code that scripts can use, and one line, not a traceback."""

import logging
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from migration_core.errors import ConfigError, Exhausted, Fenced, Halted, SnapshotError, Transient
from runtime.exits import Stopped, run
from runtime.retry import patiently

ROOT = Path(__file__).parents[2]


def failing(error: BaseException):
    def main() -> int:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("DATABASE_URL is missing"), 2),
        (Fenced("another master took over"), 75),
        (Transient("the broker is away"), 75),
        (Exhausted("no connection can be opened: Too many open files"), 75),
        (Halted("topic users: offsets 3 to 9 are gone"), 1),
        (SnapshotError("part-1.ndjson line 7"), 1),
        (KeyboardInterrupt("interrupted"), 130),
    ],
)
def test_an_error_becomes_its_exit_code_and_one_line(error, code, capsys):
    assert run(failing(error)) == code

    assert capsys.readouterr().err == f"{error}\n"


def test_being_asked_to_leave_while_waiting_is_no_failure(capsys):
    assert run(failing(Stopped("asked to leave"))) == 0

    assert capsys.readouterr().err == ""


def test_the_answer_no_is_the_programs_own_exit_code():
    assert (run(lambda: 1), run(lambda: None), run(lambda: 0)) == (1, 0, 0)


def test_a_bug_keeps_its_traceback_and_fails(capsys):
    assert run(failing(TypeError("unsupported operand"))) == 1

    assert "Traceback" not in capsys.readouterr().err.splitlines()[-1]


def test_waiting_ends_with_the_part_that_was_away():
    answers = iter([Transient("away"), Transient("away"), "here"])

    def connect() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(connect, stop=Event(), what="MySQL") == "here"


def test_a_process_that_waits_shows_that_it_is_alive():
    answers = iter([Transient("away"), Transient("away"), None])
    beats: list[None] = []

    def connect() -> None:
        if (error := next(answers)) is not None:
            raise error

    patiently(connect, stop=Event(), what="MySQL", beat=lambda: beats.append(None))

    assert len(beats) == 2


def test_waiting_ends_when_the_process_shall_leave():
    stop = Event()

    def connect() -> None:
        stop.set()
        raise Transient("away")

    with pytest.raises(Stopped):
        patiently(connect, stop=stop, what="MySQL")


def test_patience_ends_with_the_error_itself():
    with pytest.raises(Transient, match="away"):
        patiently(failing(Transient("away")), stop=Event(), what="MySQL", patience=timedelta(seconds=0.2))


def test_an_error_that_does_not_pass_is_not_waited_for(caplog):
    caplog.set_level(logging.WARNING)

    with pytest.raises(Halted):
        patiently(failing(Halted("the schema is older than the code")), stop=Event(), what="MySQL")

    assert not caplog.records


def started(body: str) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", body], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    return child


WAITS = "from runtime.shutdown import on_terminate; stop = on_terminate(); print('up', flush=True); "


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks(number):
    child = started(WAITS + "stop.wait(20); print('left' if stop.is_set() else 'forgotten')")

    child.send_signal(number)

    assert child.communicate(timeout=60)[0] == "left\n"
    assert child.returncode == 0


def test_the_second_signal_insists():
    child = started(WAITS + "import time\nstop.wait(20); print('asked', flush=True)\nwhile True: time.sleep(1)")
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == "asked\n"

    child.send_signal(signal.SIGTERM)

    assert child.wait(timeout=60) == 128 + signal.SIGTERM
    child.stdout.close()


def test_a_signal_does_not_deadlock_a_loop_that_asks_all_the_time():
    child = started(WAITS + "\nwhile not stop.wait(0.00001): pass")

    time.sleep(0.2)  # signals must meet the loop at any instruction; there is nothing to wait for
    child.send_signal(signal.SIGTERM)

    assert child.wait(timeout=60) == 0
    child.stdout.close()


def test_a_thread_that_dies_takes_the_process_with_it():
    body = (
        "import threading\nfrom runtime.shutdown import exit_when_a_thread_dies\nexit_when_a_thread_dies()\n"
        "print('up', flush=True)\nthreading.Thread(target=lambda: 1 / 0).start()\nthreading.Event().wait(20)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", body], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    _, told = child.communicate(timeout=60)

    assert child.returncode == 1
    assert "thread_died" in told
