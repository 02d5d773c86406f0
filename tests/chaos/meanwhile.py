"""Something that happens again and again at random moments while programs work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from threading import Event, Thread

from db.engine import Database
from db.failure import SqlError
from tests.servers.sessions import GONE

KILLS = ("KILL CONNECTION", "KILL QUERY")


class Meanwhile(Thread):
    """Does `act` until it has met somebody so many `times`, which is what it returns, or until it is told to stop."""

    def __init__(self, act: Callable[[], object], times: int, chance: Random, pause: float) -> None:
        super().__init__(name="meanwhile", daemon=True)
        self._act = act
        self._times = times
        self._chance = chance
        self._pause = pause
        self._over = Event()
        self._failure: Exception | None = None
        self.done = 0

    def run(self) -> None:
        try:
            while self.done < self._times and not self._over.wait(self._chance.uniform(0, self._pause)):
                self.done += bool(self._act())
        except Exception as error:  # noqa: BLE001 - raised by `end`
            self._failure = error

    def end(self) -> None:
        """It happens no more after this."""
        self._over.set()
        self.join()
        if self._failure is not None:
            raise self._failure


@contextmanager
def meanwhile(act: Callable[[], object], *, times: int, seed: int, pause: float = 0.05) -> Iterator[Meanwhile]:
    """While the block runs, do `act` at random moments at most `pause` seconds apart, until it is not alive any more.

    That there is an end keeps a slow machine from doing nothing but begin again.
    """
    thread = Meanwhile(act, times, Random(seed), pause)
    thread.start()
    try:
        yield thread
    finally:
        thread.end()


def kill_one(database: Database, sessions: Sequence[int], chance: Random) -> bool:
    """Kill one of these sessions of MySQL, or only what it does; False where there is none."""
    if not sessions:
        return False
    try:
        with database.transaction() as own:
            own.execute(f"{chance.choice(KILLS)} {chance.choice(sessions)}")
    except SqlError as error:
        if error.errno != GONE:
            raise
        return False
    return True
