"""The findings for people."""

from os import cpu_count

from rich.console import Console
from rich.table import Table

from benchmarks.result import QUIET, Result


def show(result: Result, console: Console) -> None:
    """Print the table, and warn when the machine had other things to do."""
    servers = result.servers
    table = Table(title=f"MySQL {servers.mysql_version}, {cpu_count()} processors, {result.workers} workers")
    for name in ("", "found", "against", "ratio", "aim"):
        table.add_column(name, justify="right" if name in {"found", "ratio", "aim"} else "left", overflow="fold")
    for line in result.lines():
        sign = "" if line.met is None else " [green]✓[/]" if line.met else " [red]✗[/]"
        table.add_row(line.what, line.found, line.against, line.ratio, line.aim + sign)
    console.print(table)
    if result.quiet is not None and result.quiet < QUIET:
        console.print(
            f"[yellow]This machine was busy:[/] the direct way before and after a load differed by "
            f"{1 - result.quiet:.0%}. Repeat when it is quiet; processor seconds suffer least."
        )
