"""Every metric of the program, declared once; labels name streams, stages and outcomes, never keys."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.08, 0.12, 0.25, 0.5, 1, 2.5, 10, 60, 300)
_BATCH = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
_SIZE = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)


class Metrics:
    """One registry a process; a metric that a program never touches has no samples."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.build = Info("migration_build", "Which program in which version this is", registry=own)

        # What came in, and what became of it
        self.received = Counter("migration_received", "Raw rows stored", ["stream"], registry=own)
        self.received_bytes = Counter("migration_received_bytes", "Bytes of raw rows stored", ["stream"], registry=own)
        self.outcomes = Counter(
            "migration_outcomes", "Raw rows by what finally became of them", ["stream", "outcome"], registry=own
        )
        self.rejects = Counter("migration_rejects", "Rejected rows by stage", ["stream", "stage"], registry=own)
        self.breaker_trips = Counter(
            "migration_breaker_trips", "Times that too many rejects paused the stream", ["stream"], registry=own
        )
        self.unmapped_fields = Gauge(
            "migration_unmapped_fields", "Fields of records that no column takes", ["stream"], registry=own
        )
        self.new_fields = Gauge(
            "migration_new_fields", "Those of them that came lately, on many records", ["stream"], registry=own
        )

        # How far behind, by what the process last saw in the store
        self.backlog = Gauge("migration_backlog_rows", "Raw rows not yet applied", ["stream"], registry=own)
        self.backlog_age = Gauge(
            "migration_backlog_age_seconds", "Age of the oldest raw row not yet applied", ["stream"], registry=own
        )
        self.waiting = Gauge(
            "migration_waiting_rows",
            "Raw rows that workers may apply, of all streams that nothing holds",
            ["stage"],
            registry=own,
        )
        self.arrived = Counter(
            "migration_arrived_rows",
            "Raw rows stored since the process began, of all open streams that nothing holds",
            ["stage"],
            registry=own,
        )
        self.source_lag = Gauge(
            "migration_source_lag_records", "Records in the topics not yet stored", ["stream"], registry=own
        )
        self.parked = Gauge("migration_parked_rows", "Rows that wait for their key", ["stream"], registry=own)
        self.halted = Gauge("migration_halted", "1 when a person must act", ["stream"], registry=own)
        self.paused = Gauge("migration_paused", "1 while the stream is paused", ["stream"], registry=own)
        self.throttled = Gauge("migration_throttled", "1 while the target has enough to do", ["stage"], registry=own)

        # Whether the ledger is true, by what the verifier last proved
        self.remainders = Gauge(
            "migration_ledger_remainders",
            "What the audit found not to agree, and nobody mended",
            ["stream"],
            registry=own,
        )
        self.unaudited = Gauge(
            "migration_unaudited_rows", "Rows with an outcome that the audit has not come to", ["stream"], registry=own
        )

        # How the work goes
        self.latency = Histogram(
            "migration_latency_seconds",
            "From the record's own time until its effect is committed",
            ["stream"],
            buckets=_LATENCY,
            registry=own,
        )
        self.batch_seconds = Histogram(
            "migration_batch_seconds", "Duration of one step of the work", ["stage"], buckets=_BATCH, registry=own
        )
        self.batch_rows = Histogram(
            "migration_batch_rows", "Rows in one transaction", ["stage"], buckets=_SIZE, registry=own
        )
        self.retries = Counter("migration_retries", "Batches begun again after an error", ["stage"], registry=own)
        self.sweeps = Counter("migration_sweeps", "Lanes applied without a doorbell", ["stream"], registry=own)
        self.busy_lanes = Counter("migration_busy_lanes", "Lanes found locked by another", ["stream"], registry=own)

    def watch_queue(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Show a queue's own counts: `request_*` as requests by kind, the others as doorbells by outcome."""
        self.registry.register(_QueueCounts(counts))

    def render(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class _QueueCounts(Collector):
    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "migration_sqs_requests", "Requests to SQS, retries not counted", None, ["stage"]
        )
        bells = CounterMetricFamily("migration_doorbells", "Doorbells by what became of them", None, ["outcome"])
        for name, count in self._counts().items():
            stage = name.removeprefix("request_")
            (bells if stage == name else requests).add_metric([stage], count)
        return requests, bells
