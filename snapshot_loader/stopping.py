"""How a load ends early without being lost: at a checkpoint, from which the same command goes on."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from db.bulk import Repaired
from db.errno import Answer
from db.failure import SqlError
from migration_core.errors import Halted, Transient
from runtime.exits import Stopped
from runtime.retry import patiently

UNKNOWN_TRIES = 5
"""How often an error that the errno table does not know is tried before a person must look."""

T = TypeVar("T")


class StoppedEarly(Transient):
    """The time limit is over, or the process was asked to leave: exit 75, and the same command goes on."""

    def __init__(self, where: str) -> None:
        super().__init__(f"stopped at a checkpoint ({where}): run the same command again to go on from there")


class Insistence:
    """Does what the store must do, over and over while its errors may pass by themselves."""

    def __init__(self, stop: Event, beat: Callable[[], None] = lambda: None) -> None:
        self.stop = stop
        self.beat = beat
        self._unknown = 0

    def surely(self, act: Callable[[], T], what: str) -> T:
        """The result of `act`, which must be safe to repeat."""
        try:
            done = patiently(act, stop=self.stop, what=what, passes=self._passes, beat=self.beat)
        except Stopped as error:
            raise StoppedEarly(f"while {what}") from error
        except Repaired as error:
            raise Halted(f"raw rows were not stored as sent, which no record can cause: {error}") from error
        except SqlError as error:
            raise Halted(f"{what}: {error}") from error
        self._unknown = 0
        self.beat()
        return done

    def pulse(self, where: str) -> None:
        """Between two steps: the process is alive, and leaves when it is asked to."""
        self.beat()
        if self.stop.is_set():
            raise StoppedEarly(where)

    def _passes(self, error: BaseException) -> bool:
        if isinstance(error, SqlError) and error.answer is Answer.UNKNOWN:
            self._unknown += 1
            return self._unknown < UNKNOWN_TRIES
        return isinstance(error, Transient)
