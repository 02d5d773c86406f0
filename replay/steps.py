"""Steps with names and times, told as they happen and summed up at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console


@dataclass(slots=True)
class Steps:
    """Times each step; on a terminal a spinner shows which one runs."""

    console: Console
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Run one step; the function given to the block shows how far it is."""
        began = self.clock()
        note = ""
        status = self.console.status(f"{name} …")

        def told(text: str) -> None:
            nonlocal note
            note = text
            status.update(f"{name} … {text}")

        with status:
            yield told
        self.seconds[name] = self.clock() - began
        self.console.print(f"[green]✓[/] {name:<22} {self.seconds[name]:6.1f} s  [dim]{note}[/]")
