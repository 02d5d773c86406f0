"""Does things after a moment, in one thread: SQS knows whole seconds, a busy lane is free again in a tenth of one."""

import heapq
import time
from collections.abc import Callable
from threading import Condition, Thread


class Later:
    """Calls of one function, each at its time; `close` does at once what is still waiting."""

    def __init__(self, do: Callable[[list[str]], None]) -> None:
        self._do = do
        self._waiting: list[tuple[float, str]] = []
        self._changed = Condition()
        self._closed = False
        self._thread: Thread | None = None

    def add(self, things: list[str], seconds: float) -> None:
        """Do `things` after `seconds`; together with others whose time has come by then."""
        with self._changed:
            if not self._closed:
                due = time.monotonic() + seconds
                for thing in things:
                    heapq.heappush(self._waiting, (due, thing))
                if self._thread is None:
                    self._thread = Thread(target=self._loop, name="queue-later", daemon=True)
                    self._thread.start()
                self._changed.notify()
                return
        self._do(things)

    def close(self) -> None:
        """Do everything that waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        while True:
            due = self._next()
            if due:
                self._do(due)
            elif self._closed:
                return

    def _next(self) -> list[str]:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._waiting and self._waiting[0][0] <= now:
                    break
                self._changed.wait(self._waiting[0][0] - now if self._waiting else None)
            now = float("inf") if self._closed else time.monotonic()
            due = []
            while self._waiting and self._waiting[0][0] <= now:
                due.append(heapq.heappop(self._waiting)[1])
            return due
