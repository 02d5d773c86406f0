"""The end of a replay for people: one line a stream, and PASS or what is wrong."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from db.ledger import StreamLedger
from examples.scenario import Counts
from migration_core.gate import Gate, GateVerdict
from replay.check import Verdict
from replay.drain import Lag


def summary(
    streams: Sequence[StreamLedger],
    counts: dict[str, Counts],
    verdict: Verdict,
    lag: Lag,
    steps: dict[str, float],
    gates: Sequence[Gate],
    report: Path,
) -> dict[str, object]:
    """Everything the table shows, with stable names, for `--json`."""
    remainders = {one.stream: one.total for one in verdict.remainders}
    # In containers the loading is another's: what this process waited for says nothing of the rate.
    seconds = steps["loader"] + steps["drain"] if "loader" in steps else None
    return {
        "passed": _passed(verdict, gates),
        "streams": [
            {
                "stream": one.stream,
                "snapshot_rows": counts[one.stream].snapshot,
                "stream_records": counts[one.stream].stream,
                "applied": one.applied,
                "superseded": one.superseded,
                "filtered": one.filtered,
                "parked": one.parked,
                "rejected": one.rejected,
                "pending": one.pending,
                "remainder": remainders.get(one.stream, 0),
                "lag_p50_seconds": round(lag.quantile(one.stream, 0.5), 3),
                "lag_p99_seconds": round(lag.quantile(one.stream, 0.99), 3),
            }
            for one in streams
        ],
        "rows_per_second": round(sum(one.received for one in streams) / seconds) if seconds else None,
        "rows_compared": verdict.rows_compared,
        "difference_count": verdict.difference_count,
        "differences": verdict.differences,
        "rejects": verdict.rejects,
        "counts": verdict.counts,
        "remainders": [asdict(one) for one in verdict.remainders],
        "gates": [asdict(gate) for gate in gates],
        "report": str(report),
        "seconds": {name: round(value, 2) for name, value in steps.items()},
    }


_COLUMNS = (
    ("snapshot", "snapshot_rows"),
    ("live", "stream_records"),
    ("applied", "applied"),
    ("superseded", "superseded"),
    ("filtered", "filtered"),
    ("parked", "parked"),
    ("rejected", "rejected"),
    ("remainder", "remainder"),
)


def show(console: Console, told: dict[str, object], verdict: Verdict, gates: Sequence[Gate]) -> None:
    """Print the table, the differences and shut gates if there are any, and the verdict."""
    table = Table(title="What became of every record: rows of the snapshot, records of the live stream")
    table.add_column("stream")
    for name, _ in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("lag p50 / p99", justify="right")
    streams = told["streams"]
    assert isinstance(streams, list)  # noqa: S101 - made above
    for one in streams:
        numbers = [f"{one[name]:,}" for _, name in _COLUMNS]
        table.add_row(one["stream"], *numbers, f"{one['lag_p50_seconds']:.1f} / {one['lag_p99_seconds']:.1f} s")
    console.print(table)
    compared = ", ".join(f"{name} {count:,}" for name, count in verdict.rows_compared.items())
    console.print(f"rows compared one by one: {compared}")
    if told["rows_per_second"] is not None:
        console.print(f"{told['rows_per_second']:,} rows/s from the first loaded row to the last applied one")
    for problem in [*verdict.counts, *verdict.rejects[:40], *verdict.differences]:
        console.print(f"[red]✗[/] {problem}", highlight=False)
    if verdict.difference_count > len(verdict.differences):
        console.print(f"[red]✗[/] … {verdict.difference_count} differences in all")
    for remainder in verdict.remainders:
        if remainder.total:
            console.print(f"[red]✗[/] {remainder}")
    for gate in gates:
        mark = "[green]✓[/]" if gate.verdict is GateVerdict.PASS else "[red]✗[/]"
        remedy = f": {gate.remedy}" if gate.remedy else ""
        console.print(f"{mark} {escape(f'{gate.name}: {gate.found}{remedy}')}", highlight=False)
    console.print(f"report: {escape(str(told['report']))}", highlight=False, soft_wrap=True)
    console.print("[bold green]PASS[/]" if _passed(verdict, gates) else "[bold red]FAIL[/]")


def _passed(verdict: Verdict, gates: Sequence[Gate]) -> bool:
    return verdict.passed and all(gate.verdict is not GateVerdict.FAIL for gate in gates)
