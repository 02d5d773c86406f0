"""How commands look: their help, their tables, their JSON."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migration_core.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_WIDE = 10_000
"""Columns of a "terminal" that is a file: a line of a table is never broken there."""


def group(help_text: str) -> typer.Typer:
    """A group of commands in the one style of the program."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def say(text: str) -> None:
    """One line for a person, on stdout."""
    typer.echo(text)


def complain(text: str) -> None:
    """One line for a person on stderr, where an answer on stdout must stay clean."""
    typer.echo(text, err=True)


def say_json(value: object) -> None:
    """One line of JSON on stdout; dataclasses become objects with their own field names."""
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=False))


def terminal() -> "Console":
    """Where tables go: colours only on a terminal, and NO_COLOR honoured, as rich does both."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, soft_wrap=not sys.stdout.isatty())


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> "Table":
    """A plain table: numbers to the right, None as a dash."""
    from rich import box
    from rich.table import Table

    listed = [list(row) for row in rows]
    frame = box.SIMPLE_HEAD if sys.stdout.isatty() else None  # a pipe gets lines that begin with their first word
    made = Table(box=frame, title=title or None, title_justify="left", pad_edge=False)
    for place, column in enumerate(columns):
        numeric = any(isinstance(row[place], int | float) for row in listed)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        made.add_row(*map(_cell, row))
    return made


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table on stdout."""
    terminal().print(table(columns, rows, title=title))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Says on a terminal what is going on, for work of more than a moment; stdout stays the answer's alone."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} …"):
        yield


def lasting(seconds: float | None) -> str:
    """A duration as people say it: 0.4 s, 12 s, 3 m 20 s, 2 h 5 m."""
    if seconds is None:
        return "-"
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth matters
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} m"
    return f"{minutes} m {rest} s" if minutes else f"{rest} s"


def _cell(value: object) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return escape("\n".join(map(printable, str(value).split("\n"))))


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has many types
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        from base64 import b64encode

        return b64encode(value).decode()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
