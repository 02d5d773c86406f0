"""Wires the verifier: settings, store, and what it does turn by turn."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from db.engine import Database
from db.ledger import ledger
from db.ledger_proof import stream_proofs
from db.schema import check_at_head
from migration_verifier.audit import Auditor
from migration_verifier.measuring import Measurer
from migration_verifier.observed import Observed
from runtime.exits import run
from runtime.failpoints import failpoints
from runtime.health import Check
from runtime.retry import patiently
from runtime.service import Service, service
from runtime.settings import VerifierSettings

_PAUSE_SECONDS = 1.0
_REST = 1.0
"""An audit that has much to catch up with leaves the server half of the time."""
_START_PATIENCE = timedelta(minutes=2)


def main() -> int:
    """Prove the ledger, and keep what charts and estimates are made from, until asked to leave."""
    settings = VerifierSettings.from_env(os.environ)
    reached = failpoints(os.environ)
    database = Database(settings.database.url, pool_size=2)
    checks: dict[str, Check] = {"database": partial(check_at_head, database)}
    with service("migration_verifier", settings, checks) as around:
        patiently(
            lambda: check_at_head(database),
            stop=around.stop,
            what="the store",
            patience=_START_PATIENCE,
            beat=around.heartbeat.beat,
        )
        observed = Observed(around.metrics)
        auditor = Auditor(
            database,
            reached,
            lap=settings.auditing.lap,
            beat=around.heartbeat.beat,
            told=observed.remainder,
            rest=_REST,
        )

        def audit_lanes() -> None:
            auditor.round(around.stop)
            observed.proofs(stream_proofs(database))

        def observe() -> None:
            observed.streams(ledger(database), time.time_ns() // 1_000_000)

        try:
            _serve(
                around,
                {"the audit": audit_lanes, "observing": observe, "measuring": Measurer(database, time.time).turn},
            )
        finally:
            database.close()
    return 0


def _serve(around: Service, turns: Mapping[str, Callable[[], None]]) -> None:
    """Each kind of work has its turn, bounded and resumable, in every round."""
    while not around.stop.is_set():
        for what, turn in turns.items():
            around.heartbeat.beat()
            patiently(turn, stop=around.stop, what=what, beat=around.heartbeat.beat)
        around.stop.wait(_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(run(main))
