"""A whole verification by one call: begun or gone on with, done, closed; for the command and for the cut-over."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from db import verify_store
from db.engine import Database
from migration_verifier.processes import make_ready
from migration_verifier.verify_assert import check_assertions
from migration_verifier.verify_pool import Task, Told, do_units
from migration_verifier.verify_run import Plan, Verification, begin_or_resume, finish, open_checks


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be verified, and how."""

    url: str
    """Of the control schema, for the processes."""
    mapping: Path
    version: str
    streams: tuple[str, ...] = ()
    """Empty means all of the mapping."""
    since_last: bool = False
    workers: int = 2
    most_running: int = 0
    """Wait while the server runs more statements; 0 never waits."""
    keep: int = 100_000
    """Differences of one pattern that are kept as rows; all are counted."""


def verify(
    database: Database,
    order: Order,
    *,
    resumed: Callable[[int], None] = lambda _run_id: None,
    told: Told = lambda _kind, _done, _all: None,
) -> Verification:
    """Its verdict; Transient where it cannot end now, and then the next call goes on."""
    if order.workers > 1:
        make_ready()
    mapping, checks = open_checks(database, order.mapping, order.streams)
    plan = Plan(order.streams, order.since_last)
    run_id, again = begin_or_resume(database, mapping, checks, plan, version=order.version)
    if again:
        resumed(run_id)
    task = Task(order.url, order.mapping, order.streams, run_id, order.most_running, order.keep)
    do_units(database, task, workers=order.workers, told=told)
    # Assertions count everything, whatever has changed: a run that builds on another leaves them to that one.
    with database.transaction() as session:
        asserted = checks if verify_store.run(session, run_id).since is None else {}
    return finish(database, run_id, list(check_assertions(database, mapping.target_schema, asserted)))
