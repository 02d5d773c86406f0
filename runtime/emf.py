"""Metrics as lines of CloudWatch's embedded metric format, which the awslogs driver takes as they are."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

log = logging.getLogger(__name__)

_Labels = tuple[tuple[str, str], ...]
_Entry = tuple[_Labels, str, str, float | dict[str, list[float]]]
_UNITS = {"seconds": "Seconds", "bytes": "Bytes"}


class Emf:
    """Renders what changed since the last time: CloudWatch adds counts up itself, so it must get differences."""

    def __init__(self, registry: CollectorRegistry, namespace: str) -> None:
        self._registry = registry
        self._namespace = namespace
        self._before: dict[tuple[str, _Labels], float] = {}

    def lines(self, *, now_ms: int) -> Iterator[str]:
        """One line for each set of labels that has something to say."""
        together: dict[_Labels, dict[str, tuple[str, Any]]] = {}
        for metric in self._registry.collect():
            for labels, name, unit, value in self._entries(metric):
                together.setdefault(labels, {})[name] = (unit, value)
        for labels, values in together.items():
            yield _line(self._namespace, labels, values, now_ms)

    def _entries(self, metric: Metric) -> Iterator[_Entry]:
        if metric.type == "gauge":
            yield from (
                (_labels(sample.labels), sample.name, _unit(metric.name), sample.value) for sample in metric.samples
            )
        elif metric.type == "counter":
            for sample in metric.samples:
                labels = _labels(sample.labels)
                grown = self._grown(sample.name, labels, sample.value)
                if grown and sample.name.endswith("_total"):
                    yield labels, sample.name, "Bytes" if metric.name.endswith("_bytes") else "Count", grown
        elif metric.type == "histogram":
            yield from self._histogram(metric)

    def _histogram(self, metric: Metric) -> Iterator[_Entry]:
        """Bucket bounds as values with their counts: enough for CloudWatch's percentiles."""
        values: dict[_Labels, dict[str, list[float]]] = {}
        below: dict[_Labels, float] = {}
        for sample in metric.samples:
            if not sample.name.endswith("_bucket"):
                continue
            labels = _labels({name: value for name, value in sample.labels.items() if name != "le"})
            upto = self._grown(sample.name, (*labels, ("le", sample.labels["le"])), sample.value)
            count, below[labels] = upto - below.get(labels, 0), upto
            found = values.setdefault(labels, {"Values": [], "Counts": []})
            bound = float(sample.labels["le"])
            if count:
                # The last bucket has no upper bound; its lower one is the best that is known.
                found["Values"].append(bound if bound != float("inf") else float(_highest(metric)))
                found["Counts"].append(count)
        yield from (
            (labels, metric.name, _unit(metric.name), found) for labels, found in values.items() if found["Counts"]
        )

    def _grown(self, name: str, labels: _Labels, value: float) -> float:
        before = self._before.get((name, labels), 0)
        self._before[name, labels] = value
        return value - before


def emit_regularly(emf: Emf, *, every: timedelta, clock_ms: Callable[[], int], stop: Event) -> Thread:
    """Print lines until `stop` is set, and once more then, so that the last counts are not lost."""

    def loop() -> None:
        while not stop.wait(every.total_seconds()):
            _print(emf.lines(now_ms=clock_ms()))
        _print(emf.lines(now_ms=clock_ms()))

    thread = Thread(target=loop, name="emf", daemon=True)
    thread.start()
    return thread


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _line(namespace: str, labels: _Labels, values: Mapping[str, tuple[str, Any]], now_ms: int) -> str:
    metrics = [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()]
    directive = {"Namespace": namespace, "Dimensions": [[name for name, _ in labels]], "Metrics": metrics}
    head = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}}
    return json.dumps({**head, **dict(labels), **{name: value for name, (_, value) in values.items()}})


def _labels(labels: Mapping[str, str]) -> _Labels:
    return tuple(sorted(labels.items()))


def _unit(name: str) -> str:
    return _UNITS.get(name.rpartition("_")[2], "Count")


def _highest(metric: Metric) -> str:
    bounds = (sample.labels["le"] for sample in metric.samples if "le" in sample.labels)
    return str(max(float(bound) for bound in bounds if bound != "+Inf"))
