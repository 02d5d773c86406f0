"""Wires the worker: settings, store, queue, doorbell loop and sweeper thread."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Thread

from db.apply import Applied, Limits
from db.engine import Database
from db.schema import check_at_head
from db.target_health import HealthWatch
from migration_core.errors import StaleMapping
from migration_core.steps import Reached
from migration_worker.brake import Brake
from migration_worker.fields import FieldWatch
from migration_worker.lane_work import LaneWork
from migration_worker.observed import Observed
from migration_worker.opening import open_mapping, open_streams
from migration_worker.serve import DoorbellLoop
from migration_worker.sweeper import Sweeper
from runtime.exits import Stopped, run
from runtime.failpoints import failpoints
from runtime.health import Check
from runtime.retry import patiently
from runtime.service import Service, service
from runtime.settings import WorkerSettings
from runtime.stuck import ends_when_stuck
from runtime.version import version
from work_queue.client import client
from work_queue.queue import WorkQueue

_SWEEP_SECONDS = 1.0
_START_PATIENCE = timedelta(minutes=2)


def main() -> int:
    """Apply lanes until asked to leave."""
    settings = WorkerSettings.from_env(os.environ)
    reached = failpoints(os.environ)
    database = Database(settings.database.url, applies_lanes=True)
    queue = WorkQueue(client(settings.queue.region, endpoint=settings.queue.endpoint), settings.queue.url)
    checks: dict[str, Check] = {"database": partial(check_at_head, database), "queue": queue.check}
    with (
        service("migration_worker", settings, checks) as around,
        ends_when_stuck(around.heartbeat, settings.stuck.limit),
    ):
        observed = Observed(around.metrics)
        fields = FieldWatch(database, told=observed.unmapped)
        work = patiently(
            lambda: _work(database, settings, observed, fields, reached),
            stop=around.stop,
            what="the store",
            patience=_START_PATIENCE,
            beat=around.heartbeat.beat,
        )
        around.metrics.watch_queue(queue.counts.snapshot)
        sweeper = Sweeper(work, reached, observed.swept, around.heartbeat.beat)
        stale: list[StaleMapping] = []
        thread = Thread(target=_sweep, args=(sweeper, fields, around, stale), name="sweeper", daemon=True)
        thread.start()
        loop = DoorbellLoop(queue, work, sweeper, reached=reached)
        try:
            _serve(around, lambda: loop.turn(around.stop))
            patiently(fields.store, stop=around.stop, what="the store")
        finally:
            around.stop.set()  # also where an error ends the loop: the sweeper must not go on alone
            thread.join()
            queue.close()
            database.close()
    for error in stale:
        raise error
    return 0


def _work(
    database: Database, settings: WorkerSettings, observed: Observed, fields: FieldWatch, reached: Reached
) -> LaneWork:
    def counted(stream: str, applied: Applied, seconds: float) -> None:
        observed.applied(stream, applied, seconds)
        fields.count(stream, applied.looked)

    check_at_head(database)
    mapping = open_mapping(database, settings.mapping.path)
    streams = open_streams(database, mapping, version=version(), reached=reached)
    replica = Database(settings.replica.url, pool_size=1) if settings.replica.url else None
    brake = Brake(database, HealthWatch(database, replica), held=observed.held_back)
    return LaneWork(database, streams, Limits(), brake, counted=counted, tripped=observed.tripped)


def _serve(around: Service, turn: Callable[[], None]) -> None:
    while not around.stop.is_set():
        around.heartbeat.beat()
        patiently(turn, stop=around.stop, what="doorbells", beat=around.heartbeat.beat)


def _sweep(sweeper: Sweeper, fields: FieldWatch, around: Service, stale: list[StaleMapping]) -> None:
    beat = around.heartbeat.beat
    while not around.stop.wait(_SWEEP_SECONDS):
        beat()
        try:
            patiently(sweeper.sweep, stop=around.stop, what="the sweep", beat=beat)
            patiently(fields.store_regularly, stop=around.stop, what="the store", beat=beat)
        except Stopped:
            break
        except StaleMapping as error:
            stale.append(error)  # the whole process must leave, not this thread alone
            around.stop.set()
    around.heartbeat.leave()


if __name__ == "__main__":
    sys.exit(run(main))
