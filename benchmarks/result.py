"""What a run found, with every aim and whether it was met."""

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import cpu_count

from benchmarks.flow import CONNECTIONS, Flow
from benchmarks.latency import Latency
from benchmarks.side import Against, Side
from benchmarks.snapshot import Loading
from benchmarks.statistics import Counted
from local_stack.servers import Servers

SNAPSHOT_RATIO, NEW_KEYS_RATIO, HOT_TO_NEW = 0.6, 0.3, 1.0
MOST_P50_MS, MOST_P99_MS = 40.0, 120.0
MOST_REQUESTS = 5.0
MOST_MIB = 200.0
QUIET = 0.85
"""Below it the direct way itself was slowed down too much by others for its ratios to mean anything."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding; `met` is None where there is no aim."""

    what: str
    found: str
    against: str = ""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """All findings of one run on one machine."""

    servers: Servers
    workers: int
    loadings: tuple[Loading, ...]
    flows: tuple[Flow, ...]
    latency: Latency | None
    counts: tuple[Counted, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Everything, with both sides of each ratio."""
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"processors": cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "mysql_version": self.servers.mysql_version,
            "kafka_version": self.servers.kafka_version,
            "sqs_version": self.servers.sqs_version,
            "servers": self.servers.origin,
            "workers": self.workers,
            "quiet": self.quiet,
            "snapshot": [asdict(one) | _ratios(one.loader, one.direct) for one in self.loadings],
            "flow": [asdict(one) | _ratios(one.pipeline, one.direct) for one in self.flows],
            "latency": asdict(self.latency) if self.latency else None,
            "statistics": [asdict(one) for one in self.counts],
            "lines": [asdict(line) for line in self.lines()],
        }

    @property
    def quiet(self) -> float | None:
        """The least agreement between the direct ways before and after a load; 1 is a machine left alone."""
        found = [one.direct for one in self.loadings] + [one.direct for one in self.flows]
        found += [one.plain for one in self.counts]
        return min((direct.quiet for direct in found), default=None)

    def lines(self) -> Iterator[Line]:
        """One line a finding."""
        for loaded in self.loadings:
            what = f"snapshot to raw, {loaded.rows:,}"
            yield from _against(what, loaded.loader, loaded.direct, "LOAD DATA, 1 conn.", SNAPSHOT_RATIO)
        other = f"REPLACE, {CONNECTIONS} conn."
        for flow in self.flows:
            aim = NEW_KEYS_RATIO if _is_new(flow) else None
            yield from _against(f"flow, {flow.load.name}", flow.pipeline, flow.direct, other, aim)
        yield from self._hot_lines()
        for flow in self.flows:
            found, what = flow.requests_per_1000, f"SQS requests per 1,000, {flow.load.name}"
            yield Line(what, f"{found:.2f}", aim=f"≤ {MOST_REQUESTS:g}", met=found <= MOST_REQUESTS)
        yield from self._latency_lines()
        yield from self._statistic_lines()
        yield from self._memory_lines()

    def _hot_lines(self) -> Iterator[Line]:
        new = {flow.load.records: flow for flow in self.flows if _is_new(flow)}
        for flow in self.flows:
            same = new.get(flow.load.records)
            if same is not None and same is not flow:
                ratio = flow.pipeline.per_second / same.pipeline.per_second
                yield Line(
                    "flow, hot keys to new keys",
                    f"{flow.pipeline.per_second:,.0f} /s",
                    f"{same.pipeline.per_second:,.0f} /s",
                    f"{ratio:.2f}",
                    f"≥ {HOT_TO_NEW:g}",
                    ratio >= HOT_TO_NEW,
                )

    def _latency_lines(self) -> Iterator[Line]:
        if self.latency is None:
            return
        found, at = self.latency, f"at {self.latency.per_second:,}/s"
        for name, value, most in (("p50", found.p50, MOST_P50_MS), ("p99", found.p99, MOST_P99_MS)):
            yield Line(f"latency {name} {at}", f"{value:.1f} ms", aim=f"≤ {most:g} ms", met=value <= most)
        yield Line("  seen late by at most (p99)", f"{found.error_p99:.1f} ms")
        yield Line(f"SQS requests per 1,000 {at}", f"{found.requests_per_1000:.1f}")

    def _statistic_lines(self) -> Iterator[Line]:
        for one in self.counts:
            ways = (
                ("in full, as a whole", one.whole),
                ("in full, with members", one.rebuilt),
                (f"{one.changed:,} changed", one.followed),
                ("nothing changed", one.nothing),
            )
            for name, side in ways:
                yield from _against(f"statistic of {one.devices:,}, {name}", side, one.plain, "INSERT … SELECT", None)

    def _memory_lines(self) -> Iterator[Line]:
        used = [(f"loader, {one.rows:,}", one.usage) for one in self.loadings]
        used += [(f"{name}, {flow.load.name}", usage) for flow in self.flows for name, usage in flow.usage.items()]
        for what, usage in used:
            found = f"{usage.peak:.0f} MiB, end {usage.end:.0f}"
            yield Line(f"memory of {what}", found, aim=f"≤ {MOST_MIB:g} MiB", met=usage.peak <= MOST_MIB)


def _is_new(flow: Flow) -> bool:
    return flow.load.entities == flow.load.records


def _against(what: str, found: Side, direct: Against, other: str, aim: float | None) -> Iterator[Line]:
    ratio = found.per_second / direct.best.per_second
    yield Line(
        what,
        f"{found.per_second:,.0f} /s",
        f"{direct.best.per_second:,.0f} /s {other}",
        f"{ratio:.2f}",
        "" if aim is None else f"≥ {aim:g}",
        None if aim is None else ratio >= aim,
    )
    spent = _ratios(found, direct)["processor_ratio"]
    yield Line(
        "  processor s per 100,000, client + mysqld",
        _spent(found),
        _spent(direct.best),
        "" if spent is None else f"{spent:.2f}",
    )


def _ratios(found: Side, direct: Against) -> dict[str, float | None]:
    """Of speed, and of the direct way's processor time to this one's: what the ratio of speed tends to when all
    processors are busy."""
    own, other = found.processor, direct.best.processor
    return {
        "ratio": found.per_second / direct.best.per_second,
        "processor_ratio": other / own if own and other else None,
    }


def _spent(side: Side) -> str:
    return f"{side.client:.2f} + " + ("?" if side.server is None else f"{side.server:.2f}")
