"""What the verifier tells of the ledger in metrics."""

from collections.abc import Sequence

from migration_core.proof import StreamProof
from runtime.metrics import Metrics


class Observed:
    """The verifier's view of the process's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def proofs(self, streams: Sequence[StreamProof]) -> None:
        """How far the ledger of each stream is proven, and what does not agree."""
        for one in streams:
            self._metrics.remainders.labels(one.stream).set(one.remainders)
            self._metrics.unaudited.labels(one.stream).set(one.unaudited)
