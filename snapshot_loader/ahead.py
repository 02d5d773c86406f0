"""The next thing made while the last one is used: one thread reads and parses, the other waits for MySQL."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.2
_LEAVE_SECONDS = 2.0


@contextmanager
def ahead(
    things: Generator[T, None, None], depth: int = 1, waiting: Callable[[], None] = lambda: None
) -> Iterator[Iterator[T]]:
    """The same things, made by a thread that is at most `depth` of them ahead; its error comes in its place.

    `waiting` is called now and then while nothing comes, and may raise.
    """
    made = _Made(things, depth, waiting)
    thread = Thread(target=made.run, name="snapshot-reader", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        thread.join(_LEAVE_SECONDS)  # it may be deep in a long file, and a process that is asked to leave must leave


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Made(Generic[T]):
    def __init__(self, things: Generator[T, None, None], depth: int, waiting: Callable[[], None]) -> None:
        self._things = things
        self._waiting = waiting
        self._queue: Queue[T | _End] = Queue(depth)
        self.over = Event()

    def run(self) -> None:
        try:
            with closing(self._things):
                for thing in self._things:
                    if not self._put(thing):
                        return
            self._put(_End(None))
        except BaseException as error:  # noqa: BLE001 - raised again where the thing was expected
            self._put(_End(error))

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while True:
            try:
                thing = self._queue.get(timeout=_POLL_SECONDS)
            except Empty:
                self._waiting()
                continue
            if isinstance(thing, _End):
                raise thing.error or StopIteration
            return thing

    def _put(self, thing: T | _End) -> bool:
        while not self.over.is_set():
            try:
                self._queue.put(thing, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False
