"""Wires the master: settings, store, topics, queue and the thread that rings."""

import os
import sys
from datetime import timedelta
from functools import partial

from db.engine import Database
from db.ingest import IngestStore
from db.schema import check_at_head
from db.source_store import SourceStore
from db.target_health import HealthWatch
from kafka_log.reader import LogReader
from migration_core.steps import Reached
from migration_master.controls import read_controls
from migration_master.ingest import StreamRules
from migration_master.master import Master, MasterParts
from migration_master.observed import Observed
from migration_master.opening import open_streams
from migration_master.ringer import Ringer, waiting_lanes
from migration_master.survey import Survey
from runtime.exits import run
from runtime.failpoints import failpoints
from runtime.health import Check
from runtime.retry import patiently
from runtime.service import Service, service
from runtime.settings import MasterSettings
from work_queue.client import client
from work_queue.queue import WorkQueue

_START_PATIENCE = timedelta(minutes=2)


def main() -> int:
    """Store what the topics hold until asked to leave."""
    settings = MasterSettings.from_env(os.environ)
    reached = failpoints(os.environ)
    database = Database(settings.database.url, holds_rows=True, pool_size=3)
    queue = WorkQueue(
        client(settings.queue.region, endpoint=settings.queue.endpoint, wait=timedelta()), settings.queue.url
    )
    survey = Survey(settings.kafka.config())
    checks: dict[str, Check] = {
        "database": partial(check_at_head, database),
        "kafka": survey.check,
        "queue": queue.check,
    }
    with service("migration_master", settings, checks) as around:
        streams = patiently(
            lambda: open_streams(database, settings.mapping.path),
            stop=around.stop,
            what="the store",
            patience=_START_PATIENCE,
            beat=around.heartbeat.beat,
        )
        around.metrics.watch_queue(queue.counts.snapshot)
        ringer = Ringer(queue.ring, partial(waiting_lanes, database), reached)
        master = _master(settings, database, survey, streams, ringer, around, reached)
        checks["streams"] = master.check
        ringer.start()
        try:
            while not around.stop.is_set():
                around.heartbeat.beat()
                patiently(master.turn, stop=around.stop, what="ingest", beat=around.heartbeat.beat)
        finally:
            master.close()
            ringer.close()
            queue.close()
    database.close()
    return 0


def _master(
    settings: MasterSettings,
    database: Database,
    survey: Survey,
    streams: dict[str, StreamRules],
    ringer: Ringer,
    around: Service,
    reached: Reached,
) -> Master:
    replica = Database(settings.replica.url, pool_size=1) if settings.replica.url else None
    return Master(
        MasterParts(
            store=IngestStore(database, reached),
            source_store=SourceStore(database),
            survey=survey,
            open_reader=partial(LogReader, settings.kafka.config()),
            streams=streams,
            touched=ringer.touched,
            observed=Observed(around.metrics),
            wait=around.stop.wait,
            controls=partial(read_controls, database, HealthWatch(database, replica), around.metrics),
            reached=reached,
        )
    )


if __name__ == "__main__":
    sys.exit(run(main))
