"""Looking at the ledger until it says what is waited for."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from db.engine import Database
from db.ledger import StreamLedger, ledger
from migration_core.errors import MigrationError

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Look:
    """The one stream at one moment of the monotonic clock."""

    ledger: StreamLedger
    moment: float


def until(database: Database, alive: Callable[[], None], reached: Callable[[StreamLedger], bool]) -> Look:
    """The first look at which `reached` holds; `alive` raises when a program has died."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        look = Look(ledger(database)[0], time.monotonic())
        if reached(look.ledger):
            return look
        if look.moment > end:
            raise MigrationError(f"not there after {_PATIENCE_SECONDS:.0f} s: {look.ledger}")
        alive()
        time.sleep(_LOOK_SECONDS)
