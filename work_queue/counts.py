"""What a queue did so far, for metrics and for the benchmark's requests per 1,000 records."""

from collections import Counter
from threading import Lock


class Counts:
    """Numbers that only grow; `request_…` are requests to SQS by kind, all others doorbells by outcome."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Raise one count."""
        if number:
            with self._lock:
                self._counter[name] += number

    def snapshot(self) -> dict[str, int]:
        """All counts at this moment."""
        with self._lock:
            return dict(self._counter)

    def requests(self) -> int:
        """Requests to SQS of any kind; one that the SDK had to repeat counts once."""
        return sum(number for name, number in self.snapshot().items() if name.startswith("request_"))
