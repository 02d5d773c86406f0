"""Messages that wait beside their queue: each is delivered once, when its time has come or when all are let go."""

from collections.abc import Callable
from itertools import count
from threading import Timer
from typing import Any

_LONGEST_SECONDS = 2.0
"""For a message that nothing overtakes."""


class Withheld:
    """Delivers by `deliver`, in a thread of its own where a time was waited for."""

    def __init__(self, deliver: Callable[[dict[str, Any]], object]) -> None:
        self._deliver = deliver
        self._numbers = count()
        self._waiting: dict[int, dict[str, Any]] = {}
        self._to_be_overtaken: list[int] = []

    def hold(self, request: dict[str, Any], seconds: float) -> int:
        """Deliver it after so many seconds."""
        number = next(self._numbers)
        self._waiting[number] = request
        timer = Timer(seconds, self._let_go, [number])
        timer.daemon = True
        timer.start()
        return number

    def let_overtake(self, request: dict[str, Any]) -> None:
        """Deliver it at the next call of `overtaken`, or after a while."""
        self._to_be_overtaken.append(self.hold(request, _LONGEST_SECONDS))

    def overtaken(self) -> None:
        """Something else has been sent."""
        numbers, self._to_be_overtaken = self._to_be_overtaken, []
        for number in numbers:
            self._let_go(number)

    def let_go(self) -> None:
        """Deliver everything now."""
        for number in sorted(self._waiting):
            self._let_go(number)

    def drop(self) -> None:
        """Deliver nothing any more."""
        self._waiting.clear()

    def _let_go(self, number: int) -> None:
        request = self._waiting.pop(number, None)  # one caller alone gets it
        if request is not None:
            self._deliver(request)
