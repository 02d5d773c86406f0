"""`make bench`: how fast the pipeline is against MySQL's own fastest ways, with real programs on real servers."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.flow import Flow, Load, flow
from benchmarks.latency import Latency, latency
from benchmarks.result import Result
from benchmarks.snapshot import Loading, loading
from benchmarks.stage import Stage
from benchmarks.statistics import Counted, counted
from benchmarks.table import show
from local_stack.choice import choose
from local_stack.servers import Servers
from migration_core.errors import MigrationError
from replay.steps import Steps

PARTS = ("snapshot", "flow", "latency", "memory", "statistics")
_QUICK_ROWS = 20_000


def main(
    *,
    rows: Annotated[int, typer.Option(help="Records of each load.", min=1000)] = 200_000,
    large: Annotated[int, typer.Option(help="Records of the load that shows whether memory stays flat.")] = 1_000_000,
    hot: Annotated[int, typer.Option(help="Entities that the hot load's records are about.", min=2)] = 1000,
    rate: Annotated[int, typer.Option(help="Records a second while latency is measured.", min=10)] = 1000,
    seconds: Annotated[float, typer.Option(help="For how long latency is measured.")] = 20.0,
    devices: Annotated[int, typer.Option(help="Devices that a statistic counts.", min=1000)] = 1_000_000,
    workers: Annotated[int, typer.Option(help="Workers that apply at once.", min=1)] = 2,
    only: Annotated[list[str] | None, typer.Option(help=f"Some of {', '.join(PARTS)}.")] = None,
    quick: Annotated[bool, typer.Option(help="Small loads: shows that it works, not how fast.")] = False,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the findings to this file too.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the snapshot and the logs go.")] = Path(".stack/bench"),
) -> None:
    """Measure, and say which aims were met. Ratios within one run compare; rates of two machines do not.

    Example: python -m benchmarks --rows 100000 --only flow --json bench.json
    """
    wanted = set(only or PARTS)
    if unknown := wanted - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: write some of {', '.join(PARTS)}")
    console = Console()
    if quick:
        rows, large, devices = min(rows, _QUICK_ROWS), min(large, _QUICK_ROWS), min(devices, _QUICK_ROWS)
        seconds = min(seconds, 5.0)
    steps = Steps(console)
    with steps.step("servers up") as told:
        chosen = choose(say=told)
    console.print(chosen.why, *chosen.servers.lines(), sep="\n  ")
    bench = _Bench(chosen.servers, workers, folder, steps)
    try:
        result = bench.run(wanted, rows=rows, large=large, hot=hot, rate=rate, seconds=seconds, devices=devices)
    finally:
        chosen.stop()
    show(result, console)
    if as_json is not None:
        as_json.write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")


class _Bench:
    def __init__(self, servers: Servers, workers: int, folder: Path, steps: Steps) -> None:
        self._servers = servers
        self._stage = Stage(servers)
        self._workers = workers
        self._folder = folder
        self._steps = steps

    def run(
        self, wanted: set[str], *, rows: int, large: int, hot: int, rate: int, seconds: float, devices: int
    ) -> Result:
        loadings: list[Loading] = []
        flows: list[Flow] = []
        counts: list[Counted] = []
        delay: Latency | None = None
        try:
            if "snapshot" in wanted:
                loadings.append(self._loading(rows))
            if "flow" in wanted:
                flows.append(self._flow(Load(f"{rows:,} on new keys", rows, rows)))
                flows.append(self._flow(Load(f"{rows:,} on {hot:,} hot keys", rows, hot)))
            if "latency" in wanted:
                delay = self._latency(rate, seconds)
            if "statistics" in wanted:
                counts.append(self._counted(devices))
            if "memory" in wanted and large > rows:
                loadings.append(self._loading(large))
                flows.append(self._flow(Load(f"{large:,} on new keys", large, large)))
        finally:
            self._stage.forget()
            for name in ("snapshot", "statistics"):
                shutil.rmtree(self._folder / name, ignore_errors=True)
        return Result(self._servers, self._workers, tuple(loadings), tuple(flows), delay, tuple(counts))

    def _loading(self, rows: int) -> Loading:
        with self._steps.step(f"snapshot of {rows:,} rows") as told:
            shutil.rmtree(self._folder / "snapshot", ignore_errors=True)
            found = loading(self._stage, rows, folder=self._folder / "snapshot", logs=self._logs(f"snapshot-{rows}"))
            told(f"{found.loader.per_second:,.0f} /s against {found.direct.best.per_second:,.0f} /s")
            return found

    def _flow(self, load: Load) -> Flow:
        with self._steps.step(f"flow of {load.name}") as told:
            logs = self._logs(f"flow-{load.records}-{load.entities}")
            found = flow(self._stage, load, workers=self._workers, logs=logs)
            told(f"{found.pipeline.per_second:,.0f} /s against {found.direct.best.per_second:,.0f} /s")
            return found

    def _latency(self, rate: int, seconds: float) -> Latency:
        with self._steps.step(f"latency at {rate:,}/s") as told:
            logs = self._logs("latency")
            found = latency(self._stage, per_second=rate, seconds=seconds, workers=self._workers, logs=logs)
            told(f"p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms")
            return found

    def _counted(self, devices: int) -> Counted:
        with self._steps.step(f"statistic of {devices:,} devices") as told:
            found = counted(self._stage, devices, self._folder / "statistics")
            told(f"{found.whole.per_second:,.0f} /s against {found.plain.best.per_second:,.0f} /s")
            return found

    def _logs(self, what: str) -> Path:
        return self._folder.absolute() / "logs" / what


if __name__ == "__main__":
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    try:
        typer.run(main)
    except MigrationError as error:
        sys.exit(str(error))
