"""What the master tells of itself in metrics."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from db.ingest import PartitionRows, SourceOffset
from runtime.metrics import Metrics

_STAGE = "ingest"


class Observed:
    """The master's view of the process's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def stored(self, parts: Sequence[PartitionRows], seconds: float) -> None:
        """One committed transaction."""
        rows = 0
        for part in parts:
            rows += len(part.rows)
            size = sum(len(record.value or b"") + len(record.record_key or b"") for _, _, record in part.rows)
            self._metrics.received.labels(part.source.stream).inc(len(part.rows))
            self._metrics.received_bytes.labels(part.source.stream).inc(size)
        if rows:
            self._metrics.batch_rows.labels(_STAGE).observe(rows)
            self._metrics.batch_seconds.labels(_STAGE).observe(seconds)

    def interrupted(self) -> None:
        """A transaction or a look that failed and is begun again."""
        self._metrics.retries.labels(_STAGE).inc()

    def lag(self, sources: Iterable[SourceOffset], high: Callable[[str, int], int | None]) -> None:
        """How many offsets lie between what is stored and the ends of the topics."""
        behind: dict[str, int] = {}
        for source in sources:
            end = high(source.topic, source.partition)
            if end is not None:
                behind[source.stream] = behind.get(source.stream, 0) + max(0, end - source.next_offset)
        for stream, records in behind.items():
            self._metrics.source_lag.labels(stream).set(records)

    def standing_still(self, streams: Iterable[str], reasons: Mapping[str, str]) -> None:
        """Which streams a person must look at."""
        for stream in streams:
            self._metrics.halted.labels(stream).set(stream in reasons)
