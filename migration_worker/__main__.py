"""Wires the worker: settings, store, queue, doorbell loop and sweeper thread."""

import os
import sys
from datetime import timedelta
from threading import Event, Thread

from db.apply import Limits
from db.engine import Database
from db.schema import current, head
from migration_core.errors import Transient
from migration_core.steps import Reached
from migration_worker.lane_work import LaneWork
from migration_worker.opening import open_mapping, open_streams
from migration_worker.serve import DoorbellLoop
from migration_worker.sweeper import Sweeper
from runtime.exits import run
from runtime.failpoints import failpoints
from runtime.retry import patiently
from runtime.service import service
from runtime.settings import WorkerSettings
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

    def schema_at_head() -> None:
        if current(database) != head():
            raise Transient("the control schema is not at this version's head: run `migration schema upgrade`")

    checks = {"database": schema_at_head, "queue": queue.check}
    with service("migration_worker", settings, checks) as around:
        work = patiently(
            lambda: _work(database, settings, reached),
            stop=around.stop,
            what="the store",
            patience=_START_PATIENCE,
        )
        around.metrics.watch_queue(queue.counts.snapshot)
        sweeper = Sweeper(work, reached)
        thread = Thread(target=_sweep, args=(sweeper, around.stop), name="sweeper", daemon=True)
        thread.start()
        loop = DoorbellLoop(queue, work, sweeper, reached=reached)
        while not around.stop.is_set():
            around.heartbeat.beat()
            patiently(lambda: loop.turn(around.stop), stop=around.stop, what="doorbells")
        thread.join()
        queue.close()
    database.close()
    return 0


def _work(database: Database, settings: WorkerSettings, reached: Reached) -> LaneWork:
    schema_ready = current(database)
    if schema_ready != head():
        raise Transient("the control schema is not at this version's head: run `migration schema upgrade`")
    mapping = open_mapping(database, settings.mapping.path)
    streams = open_streams(database, mapping, version=version(), reached=reached)
    return LaneWork(database, streams, Limits())


def _sweep(sweeper: Sweeper, stop: Event) -> None:
    while not stop.wait(_SWEEP_SECONDS):
        patiently(sweeper.sweep, stop=stop, what="the sweep")


if __name__ == "__main__":
    sys.exit(run(main))
