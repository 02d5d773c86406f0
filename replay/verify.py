"""The last steps of a replay: drain, check everything against the model, ask the gates, write the report."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from db.engine import Database
from db.source_positions import start_positions
from examples.scenario import Scenario
from replay.check import check
from replay.drain import Lag, wait_until_drained
from replay.gates import Target
from replay.publish import ends, read_log
from replay.steps import Steps
from replay.table import show, summary

_PATIENCE_SECONDS = 1800.0


def drain_and_check(
    database: Database,
    url: str,
    config: Mapping[str, str],
    scenario: Scenario,
    folder: Path,
    work: Path,
    report: Path,
    *,
    steps: Steps,
    console: Console,
    alive: Callable[[], None] = lambda: None,
    lag: Lag | None = None,
) -> dict[str, object]:
    """Wait until nothing is left, compare, print; the summary for `--json`."""
    lag = lag or Lag(time.time() * 1000)
    until = ends(config, scenario)
    with steps.step("drain") as told:
        streams = wait_until_drained(database, until, alive=alive, told=told, lag=lag, patience=_PATIENCE_SECONDS)
        told(f"{sum(one.received for one in streams):,} rows have an outcome")
    with steps.step("check") as told:
        work.mkdir(parents=True, exist_ok=True)
        model = scenario.model(work)
        model.snapshot(folder)
        told("model: the snapshot is folded")
        model.stream(read_log(config, start_positions(database), until))
        told("model: the stream is folded")
        verdict = check(database, scenario.target_schema, model, streams)
        counts = model.counts()
        model.close()
        told(f"{sum(verdict.rows_compared.values()):,} rows compared")
    target = Target(database, url, scenario)
    with steps.step("ledger proven"):
        ledger = target.ledger()
    with steps.step("verify") as told:
        equal = target.equal(told)
    with steps.step("drift and plans"):
        drift_and_plans = (*target.drift(), *target.plans())
    with steps.step("report"):
        page = target.report(report, drift_and_plans)
    gates = (ledger, equal, *drift_and_plans)
    told_all = summary(streams, counts, verdict, lag, steps.seconds, gates, page)
    show(console, told_all, verdict, gates)
    return told_all
