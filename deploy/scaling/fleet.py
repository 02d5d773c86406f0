"""The tasks of the workers' service: wanted, starting, running, interrupted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

START_SECONDS = 45
"""From the decision until a task takes work: placing it, the image, the program."""
LEAVE_SECONDS = 10
"""A worker that is told to leave takes no new work and is gone by then; it is paid for until then."""


@dataclass
class Fleet:
    """A base of tasks that nobody interrupts, the others on Spot."""

    on_demand: int
    later: Callable[[float, Callable[[], None]], None]
    """Calls back after so many seconds."""
    desired: int = 0
    spot_is_there: bool = True
    seconds: float = 0.0
    """Task-seconds that are paid for."""
    _running: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    """By whether they are Spot tasks."""
    _starting: dict[int, bool] = field(default_factory=dict)
    _ids: "count[int]" = field(default_factory=count)

    @property
    def running(self) -> int:
        """Those that take work."""
        return sum(self._running.values())

    def passes(self, seconds: float) -> None:
        """A starting task is paid for too."""
        self.seconds += (self.running + len(self._starting)) * seconds

    def wants(self, desired: int) -> None:
        """The service's desired count; what is missing starts, what is too much leaves, those that only start first."""
        self.desired = desired
        for spot, wanted in ((False, min(self.on_demand, desired)), (True, max(0, desired - self.on_demand))):
            starting = [one for one, of_spot in self._starting.items() if of_spot is spot]
            missing = wanted - self._running[spot] - len(starting)
            if not spot or self.spot_is_there:
                for _ in range(missing):
                    self._start(spot=spot)
            for one in starting[: max(0, -missing)]:
                del self._starting[one]
            self._leave(max(0, self._running[spot] - wanted), spot=spot)

    def interrupt(self) -> None:
        """Every Spot task gets its notice at once: SIGTERM now, two minutes to leave, of which it needs seconds."""
        self.spot_is_there = False
        self._leave(self._running[True], spot=True)
        self._starting = {one: spot for one, spot in self._starting.items() if not spot}

    def offer_spot(self) -> None:
        """There is Spot capacity again; the service has been asking for it all the time."""
        self.spot_is_there = True
        self.wants(self.desired)

    def _start(self, *, spot: bool) -> None:
        task = next(self._ids)
        self._starting[task] = spot

        def started() -> None:
            if self._starting.pop(task, None) is not None:
                self._running[spot] += 1

        self.later(START_SECONDS, started)

    def _leave(self, tasks: int, *, spot: bool) -> None:
        self._running[spot] -= tasks
        self.seconds += tasks * LEAVE_SECONDS
