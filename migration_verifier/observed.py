"""What the verifier tells of streams and their ledger in metrics and logs."""

import logging
from collections.abc import Sequence

from db.audit import Look
from db.ledger import StreamLedger
from migration_core.proof import StreamProof
from runtime.metrics import Metrics

log = logging.getLogger(__name__)

_STAGE = "apply"


class Observed:
    """The verifier's view of the process's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._received: dict[str, int] = {}

    def proofs(self, streams: Sequence[StreamProof]) -> None:
        """How far the ledger of each stream is proven, and what does not agree."""
        for one in streams:
            self._metrics.remainders.labels(one.stream).set(one.remainders)
            self._metrics.unaudited.labels(one.stream).set(one.unaudited)

    def streams(self, found: Sequence[StreamLedger], now_ms: int) -> None:
        """How far behind each stream is, and whether it moves at all."""
        self._work(found)
        for one in found:
            self._metrics.backlog.labels(one.stream).set(one.pending)
            age = max(0, now_ms - one.oldest_time) / 1000 if one.pending and one.oldest_time else 0
            self._metrics.backlog_age.labels(one.stream).set(age)
            self._metrics.parked.labels(one.stream).set(one.parked)
            self._metrics.paused.labels(one.stream).set(one.state == "paused")

    def _work(self, found: Sequence[StreamLedger]) -> None:
        """What workers are needed for; they would only wait where a person, a fault or the snapshot holds a stream."""
        running = [one for one in found if one.state == "running"]
        takeable = sum(one.pending for one in running if one.stream_open or one.lanes_with_work)
        self._metrics.waiting.labels(_STAGE).set(takeable)
        arrived = sum(one.received - self._received.get(one.stream, one.received) for one in running if one.stream_open)
        self._metrics.arrived.labels(_STAGE).inc(max(0, arrived))
        self._received = {one.stream: one.received for one in found}

    def remainder(self, look: Look) -> None:
        """Something does not agree; `ledger_remainder` says where."""
        kinds = {str(kind): rows for kind, rows in look.differences.items()}
        rows = {"outcomes_without_row": len(look.orphans), "falling_offsets": len(look.falls)}
        where = {"stream": look.lane.stream, "lane": look.lane.lane, "from_sequence": look.agreed}
        log.error("ledger_remainder", extra={**where, "to_sequence": look.to, **kinds, **rows})
