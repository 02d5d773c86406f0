"""What surrounds a program while it runs: logs, signals, health and metrics, begun and ended in one place."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Protocol

from runtime import logs
from runtime.emf import Emf, emit_regularly
from runtime.garbage import collect_seldom
from runtime.health import Check, HealthServer, Heartbeat, Readiness
from runtime.metrics import Metrics
from runtime.settings import Http, Output
from runtime.shutdown import exit_when_a_thread_dies, on_terminate
from runtime.version import version

log = logging.getLogger(__name__)

LOOP_LIMIT = timedelta(seconds=60)
"""A round holds at most one SQS wait and one batch of 2 s; twice the time a MySQL session may take is past doubt."""
_EMF_EVERY = timedelta(seconds=30)


class ServiceSettings(Protocol):
    """The sections that every program's settings have."""

    @property
    def http(self) -> Http: ...
    @property
    def output(self) -> Output: ...
    def effective(self) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Service:
    """A program's view of its surroundings."""

    stop: Event
    """Set when the process is asked to leave."""
    metrics: Metrics
    heartbeat: Heartbeat
    port: int


@contextmanager
def service(
    program: str, settings: ServiceSettings, checks: Mapping[str, Check], *, loop_limit: timedelta = LOOP_LIMIT
) -> Iterator[Service]:
    """Run a program inside: its health answers, its metrics are out, and it hears when it shall leave."""
    logs.configure(program, level=settings.output.level, form=settings.output.format)
    exit_when_a_thread_dies()
    stop, over = on_terminate(), Event()
    metrics, heartbeat = Metrics(), Heartbeat(loop_limit)
    metrics.build.info({"program": program, "version": version()})
    server = HealthServer(heartbeat, Readiness(checks), metrics.render)
    port = server.start(settings.http.host, settings.http.port)
    emitter = (
        emit_regularly(Emf(metrics.registry, settings.output.namespace), every=_EMF_EVERY, clock_ms=_now_ms, stop=over)
        if settings.output.emf
        else None
    )
    log.info("started", extra={"version": version(), "configuration": settings.effective()})
    collect_seldom()
    try:
        yield Service(stop, metrics, heartbeat, port)
    finally:
        over.set()
        if emitter is not None:
            emitter.join(timeout=1)
        server.close()
        log.info("stopped", extra={"asked": stop.is_set()})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
