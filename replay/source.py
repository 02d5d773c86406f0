"""The legacy platform as one process: publishes what it held, says so, then lives on while it is being left."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

from examples.scenario import Scenario
from replay.plan import marker
from replay.publish import create_topics, publish, stored

INITIAL = "initial-published"
FINISHED = "source-finished"


def run_source(
    config: Mapping[str, str],
    scenario: Scenario,
    snapshots: Path,
    *,
    live_seconds: float,
    stop: Event,
    told: Callable[[int], None] = lambda _count: None,
) -> None:
    """Publish everything that is not published yet: the same call goes on where an earlier one was killed."""
    snapshots.mkdir(parents=True, exist_ok=True)
    create_topics(config, scenario.topics)
    already = stored(config, scenario.topics)
    publish(config, scenario.initial(), already, stop=stop, told=told)
    if stop.is_set():
        return
    marker(snapshots, INITIAL).touch()
    publish(
        config,
        scenario.live(),
        already,
        live=True,
        stop=stop,
        pace=_pace(scenario.live_changes, live_seconds),
        told=told,
    )
    if not stop.is_set():
        marker(snapshots, FINISHED).touch()


def _pace(changes: int | None, seconds: float) -> Callable[[int], None]:
    began = time.monotonic()

    def wait(count: int) -> None:
        if changes and count % 50 == 0:
            ahead = count * seconds / changes - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)

    return wait
