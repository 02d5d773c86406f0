"""What people and the target want of ingest at the moment."""

import logging
from dataclasses import dataclass, field

from db.engine import Database
from db.stop_position import stops
from db.target_health import HealthWatch
from migration_core.stops import Stops
from runtime.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Controls:
    """Where to stop, and why to slow down, or ""."""

    stops: Stops = field(default_factory=dict)
    throttled: str = ""


def read_controls(database: Database, health: HealthWatch, metrics: Metrics) -> Controls:
    """As the control schema says now."""
    reason = health.reason()
    metrics.throttled.labels("ingest").set(bool(reason))
    if reason:
        log.warning("throttled", extra={"reason": reason})
    return Controls(stops(database), reason)
