"""The last steps of a replay: drain, check everything against the model, ask the gates before a cut-over."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from db.engine import Database
from db.source_positions import start_positions
from examples.scenario import Scenario
from replay.check import check
from replay.drain import Lag, wait_until_drained
from replay.gates import gates_of
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
    with steps.step("gates") as told:
        gates = gates_of(database, url, scenario)
        told(f"{len(gates)} gates: schema drift, query plans")
    told_all = summary(streams, counts, verdict, lag, steps.seconds, gates)
    show(console, told_all, verdict, gates)
    return told_all
