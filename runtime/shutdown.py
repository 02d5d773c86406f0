"""How a process is asked to leave: the first signal asks, the second one insists."""

import _thread
import logging
import os
import signal
import threading
from threading import Event
from types import FrameType

log = logging.getLogger(__name__)

_BY_SIGNAL = 128
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_terminate() -> Event:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process where it stands."""
    stop = Event()
    asked: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            os._exit(_BY_SIGNAL + number)
        # The main thread may be inside `stop.wait()` and hold the event's own lock, which is not reentrant: setting it
        # here could deadlock, and so could `Thread.start`, which waits for the new thread.
        _thread.start_new_thread(stop.set, ())

    for number in SIGNALS:
        signal.signal(number, handle)
    return stop


def exit_when_a_thread_dies() -> None:
    """A process that lives on without one of its threads looks healthy and does nothing: leave, and be restarted."""

    def leave(died: threading.ExceptHookArgs) -> None:
        if died.exc_type is SystemExit:
            return
        name = died.thread.name if died.thread else "?"
        error = died.exc_value or died.exc_type()
        try:
            exc_info = (died.exc_type, error, died.exc_traceback)
            log.critical("thread_died", extra={"thread_name": name}, exc_info=exc_info)
            logging.shutdown()
        finally:  # also where there is no memory left to say so
            os._exit(1)

    threading.excepthook = leave
