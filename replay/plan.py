"""What a replay runs on: the example by its name, and where everything of it is kept."""

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from examples.scenario import Scenario
from migration_core.errors import ConfigError

EXAMPLES = ("health_devices", "flights")
LIVE_SECONDS = 25.0
"""Over which the live changes are spread: longer than snapshot and load take, so that they run beneath it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One replay as asked for."""

    example: str = "health_devices"
    users: int | None = None
    months: int | None = None
    workers: int = 2
    seed: int = 1
    live_seconds: float = LIVE_SECONDS

    def scenario(self) -> Scenario:
        """The example, of the size asked for."""
        if self.example not in EXAMPLES:
            raise ConfigError(f"example {self.example!r} is unknown: write one of {', '.join(EXAMPLES)}")
        module: Any = import_module(f"examples.{self.example}.scenario")
        wanted: dict[str, object] = {}
        if self.example == "flights":
            wanted |= {"cache": Path(os.environ.get("STACK_DIR", ".stack")) / "cache", "months": self.months or 12}
        else:
            wanted |= {"users": self.users, "seed": self.seed}
        return cast("Scenario", module.scenario(**wanted))


def marker(snapshots: Path, what: str) -> Path:
    """A file that says to another process of the replay that something is done."""
    return snapshots / f".{what}"
