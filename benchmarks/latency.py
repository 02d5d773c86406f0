"""How long a record takes from the producer's hand to a visible processed row, at a steady rate."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from benchmarks.records import account_id, record
from benchmarks.services import Services, services
from benchmarks.stage import TOPIC, Stage
from db.engine import Database
from kafka_log.producer import LogWriter

SAMPLED = 10
"""One record in so many is waited for: asking for all would take the processor from what is measured."""
_ASKED_AT_ONCE = 200
_PAUSE_SECONDS = 0.002
_WARM_SECONDS = 10.0
"""Not counted: Kafka and the queue compile themselves while they get their first requests."""
_PATIENCE_SECONDS = 30.0
_EPOCH = "1970-01-01"


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; `error_p99` is how much later than it was visible a row may have been seen."""

    per_second: float
    samples: int
    missing: int
    p50: float
    p99: float
    worst: float
    error_p99: float
    requests_per_1000: float


def latency(stage: Stage, *, per_second: int, seconds: float, workers: int, logs: Path) -> Latency:
    """Produce at a steady rate from a process of its own, and look for the rows by primary key from this one."""
    database = stage.begin()
    try:
        stage.open_stream(database)
        with stage.environment() as variables, services(variables, logs) as running:
            for number in range(workers):
                running.start(f"worker-{number + 1}", "migration_worker")
            running.start("master", "migration_master")
            return _measure(stage, database, running, per_second, int(per_second * (seconds + _WARM_SECONDS)))
    finally:
        database.close()


def _measure(stage: Stage, database: Database, running: Services, per_second: int, total: int) -> Latency:
    context = get_context("spawn")
    produced = context.Value("q", 0)
    source = context.Process(target=_produce, args=(dict(stage.kafka), per_second, total, produced), daemon=True)
    before = running.requests()
    began = time.monotonic()
    source.start()
    seen = _Seen(stage.processed, total)
    until = began + total / per_second + _PATIENCE_SECONDS
    while seen.waits_for_any(produced.value) and time.monotonic() < until:
        running.children.check()
        seen.look(database, produced.value)
        time.sleep(_PAUSE_SECONDS)
    requests = running.requests() - before
    source.join()
    warm = int(per_second * _WARM_SECONDS)
    delays = sorted(delay for number, delay in seen.delays.items() if number >= warm)
    gaps = sorted(seen.gaps)
    return Latency(
        per_second,
        len(delays),
        seen.outstanding,
        _quantile(delays, 0.5),
        _quantile(delays, 0.99),
        delays[-1],
        _quantile(gaps, 0.99),
        requests * 1000 / total,
    )


class _Seen:
    """Which sampled rows are visible, and how long after their production each one was."""

    def __init__(self, table: str, total: int) -> None:
        self._table = table
        self._total = total
        self._next = 0
        self._waiting: dict[str, int] = {}
        self._last_look = time.monotonic()
        self.delays: dict[int, float] = {}
        self.gaps: list[float] = []

    @property
    def outstanding(self) -> int:
        """Sampled records that were never seen."""
        return len(self._waiting) + len(range(self._next, self._total, SAMPLED))

    def waits_for_any(self, produced: int) -> bool:
        """Whether a sampled record is still to come."""
        return bool(self._waiting) or produced < self._total or self._next < self._total

    def look(self, database: Database, produced: int) -> None:
        """Ask for the rows that are not visible yet; `updated_at` is when the producer made the record."""
        while self._next < produced:
            self._waiting[account_id(self._next)] = self._next
            self._next += SAMPLED
        asked = list(self._waiting)[:_ASKED_AT_ONCE]
        if not asked:
            self._last_look = time.monotonic()
            return
        with database.transaction() as session:
            rows = session.rows(
                f"SELECT id, TIMESTAMPDIFF(MICROSECOND, '{_EPOCH}', updated_at) FROM {self._table} "  # noqa: S608 - a table of this benchmark's own
                f"WHERE id IN ({', '.join(['%s'] * len(asked))})",
                asked,
            )
        now, moment = time.time_ns() // 1000, time.monotonic()
        for name, made in rows:
            self.delays[self._waiting.pop(name)] = (now - made) / 1000
        self.gaps.append((moment - self._last_look) * 1000)
        self._last_look = moment


def _produce(config: Mapping[str, str], per_second: int, total: int, produced: "Synchronized[int]") -> None:
    writer = LogWriter({**config})
    writer.flush()
    began = time.monotonic()
    for number in range(total):
        due = began + number / per_second
        while (left := due - time.monotonic()) > 0:
            writer.poll()
            time.sleep(min(left, 0.001))
        value = record(number, number, time.time_ns() // 1000)
        writer.produce(TOPIC, value, key=account_id(number).encode())
        produced.value = number + 1
    writer.close()


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
