"""What a run found: as a table for people, as JSON for machines, and every aim with whether it was met."""

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import cpu_count

from rich.console import Console
from rich.table import Table

from benchmarks.flow import CONNECTIONS, Flow
from benchmarks.latency import Latency
from benchmarks.services import Usage
from benchmarks.snapshot import Loading
from local_stack.servers import Servers

MOST_MIB = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One finding; `met` is None where there is no aim."""

    what: str
    found: str
    against: str
    ratio: str
    aim: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Result:
    """All findings of one run on one machine."""

    servers: Servers
    workers: int
    loadings: tuple[Loading, ...]
    flows: tuple[Flow, ...]
    latency: Latency | None

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
            "loader": [{**asdict(one), "ratio": one.ratio} for one in self.loadings],
            "flow": [{**asdict(one), "ratio": one.ratio} for one in self.flows],
            "latency": asdict(self.latency) if self.latency else None,
            "aims": [asdict(line) for line in self.lines() if line.met is not None],
        }

    def lines(self) -> Iterator[Line]:
        """One line a finding."""
        for loaded in self.loadings:
            yield _ratio_line(
                f"snapshot to raw, {loaded.rows:,} rows", loaded.loader, loaded.direct, "LOAD DATA, 1 connection", 0.6
            )
        new = [flow for flow in self.flows if flow.load.entities == flow.load.records]
        hot = [flow for flow in self.flows if flow not in new]
        against = f"LOAD DATA REPLACE, {CONNECTIONS} connections"
        for flow in new:
            yield _ratio_line(f"Kafka to processed, {flow.load.name}", flow.pipeline, flow.direct, against, 0.3)
        for flow in hot:
            yield _ratio_line(f"Kafka to processed, {flow.load.name}", flow.pipeline, flow.direct, against, None)
            same = next((one for one in new if one.load.records == flow.load.records), None)
            if same is not None:
                yield _ratio_line(f"{flow.load.name}", flow.pipeline, same.pipeline, "new keys, pipeline", 1.0)
        yield from self._latency_lines()
        for flow in self.flows:
            yield Line(
                f"SQS requests per 1,000 records, {flow.load.name}",
                f"{flow.requests_per_1000:.2f}", "", "", "≤ 5", flow.requests_per_1000 <= 5,  # noqa: PLR2004 - the aim
            )  # fmt: skip
            yield Line(
                f"processor s per 100,000 records, {flow.load.name}",
                f"{flow.processor_seconds:.2f}", "", "", "", None,
            )  # fmt: skip
        yield from self._memory_lines()

    def _latency_lines(self) -> Iterator[Line]:
        if self.latency is None:
            return
        found = self.latency
        at = f"at {found.per_second:,}/s"
        yield Line(f"latency p50 {at}", f"{found.p50:.1f} ms", "", "", "≤ 40 ms", found.p50 <= 40)  # noqa: PLR2004 - the aim
        yield Line(f"latency p99 {at}", f"{found.p99:.1f} ms", "", "", "≤ 120 ms", found.p99 <= 120)  # noqa: PLR2004 - the aim
        yield Line(f"seen late by, p99 {at}", f"{found.error_p99:.1f} ms", "", "", "", None)
        yield Line(f"SQS requests per 1,000 records {at}", f"{found.requests_per_1000:.1f}", "", "", "", None)

    def _memory_lines(self) -> Iterator[Line]:
        for loaded in self.loadings:
            yield _memory_line(f"snapshot_loader, {loaded.rows:,} rows", loaded.usage)
        for flow in self.flows:
            for name, usage in flow.usage.items():
                yield _memory_line(f"{name}, {flow.load.name}", usage)


def show(result: Result, console: Console) -> None:
    """The table."""
    table = Table(title=f"MySQL {result.servers.mysql_version}, {cpu_count()} processors, {result.workers} workers")
    for name in ("what", "found", "against", "ratio", "aim"):
        table.add_column(name, justify="left" if name in {"what", "against"} else "right")
    for line in result.lines():
        sign = "" if line.met is None else " [green]✓[/]" if line.met else " [red]✗[/]"
        table.add_row(line.what, line.found, line.against, line.ratio, line.aim + sign)
    console.print(table)


def _ratio_line(what: str, found: float, other: float, against: str, aim: float | None) -> Line:
    ratio = found / other
    met = None if aim is None else ratio >= aim
    shown = "" if aim is None else f"≥ {aim}"
    return Line(what, f"{found:,.0f} /s", f"{other:,.0f} /s, {against}", f"{ratio:.2f}", shown, met)


def _memory_line(what: str, usage: Usage) -> Line:
    found = f"{usage.peak:.0f} MiB, at the end {usage.end:.0f}"
    return Line(f"memory of {what}", found, "", "", f"≤ {MOST_MIB} MiB", usage.peak <= MOST_MIB)
