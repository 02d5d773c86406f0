"""The end of MySQL, of the broker and of the SQS server, and their return, while everybody goes on with their work."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from local_stack.own import Stack
from local_stack.servers import ServerFailed
from tests.integration.migrating import Migrating

_LOOK_SECONDS = 0.1
_STARTS = 4


@dataclass
class ServerFaults:
    """One stack's servers, ended and started again one after the other by a thread of its own."""

    stack: Stack
    world: Migrating
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "servers"))
    _going_on: list[Future[None]] = field(default_factory=list)

    def restart(self, name: str, *, kill: bool) -> None:
        """As a power cut would or in good order, and back as soon as it can be."""
        self._going_on.append(self._thread.submit(self._restarted, name, kill=kill))

    def whole(self, tend: Callable[[], None]) -> None:
        """Wait until every server is back."""
        while not all(one.done() for one in self._going_on):
            tend()
            time.sleep(_LOOK_SECONDS)
        for one in self._going_on:
            one.result()
        self._going_on.clear()

    def close(self) -> None:
        """Let a restart that is under way come to its end."""
        self._thread.shutdown(cancel_futures=True)

    def _restarted(self, name: str, *, kill: bool) -> None:
        (self.stack.kill if kill else self.stack.stop)(name)
        self._started(name)
        if name == "sqs":
            self.world.make_queue()  # its memory is gone, and with it the queue

    def _started(self, name: str) -> None:
        """However long that takes: the whole machine is at work."""
        for left in range(_STARTS - 1, -1, -1):
            try:
                self.stack.start(name)
            except ServerFailed:
                if not left:
                    raise
            else:
                return
