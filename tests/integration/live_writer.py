"""The legacy platform's life in a thread of a test, as fast and as far as the test lets it."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition, Event, Thread

from examples.scenario import Scenario
from replay.publish import publish

_WRITTEN_AT_ONCE = 20
_PATIENCE_SECONDS = 240.0
"""A broker may be killed again and again, and librdkafka gives a record up after 300."""


@dataclass
class LiveWriter:
    """The legacy platform lives on in a thread: over `seconds`, and never further than the share that is allowed."""

    config: Mapping[str, str]
    scenario: Scenario
    already: Counter[tuple[str, int]]
    seconds: float
    share: float = 1.0
    _changed: Condition = field(default_factory=Condition)
    written: int = 0
    """Records so far."""
    _failure: Exception | None = None
    _stop: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._run, name="live-writer")
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def allow(self, share: float) -> None:
        """Write up to this share of all changes."""
        with self._changed:
            self.share = share
            self._changed.notify()

    def finish(self) -> None:
        """Everything is published when this returns."""
        self.allow(1.0)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._stop.set()
        self.finish()

    def _run(self) -> None:
        began, changes = time.monotonic(), self.scenario.live_changes

        def pace(count: int) -> None:
            self.written = count
            if changes and count % _WRITTEN_AT_ONCE == 0:
                self._stop.wait(max(0.0, count * self.seconds / changes - (time.monotonic() - began)))
                with self._changed:
                    self._changed.wait_for(lambda: self.share >= 1 or count <= self.share * changes)

        try:
            self.written = publish(
                self.config, self.scenario.live(), self.already, stop=self._stop, patience=_PATIENCE_SECONDS, pace=pace
            )
        except Exception as error:  # noqa: BLE001 - a thread has no caller: `finish` raises it
            self._failure = error
