"""The processes of a verification: each takes units until none is left, and dies with the one that started it."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from multiprocessing import parent_process
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from threading import Event, Thread

from db import verify_store
from db.engine import Database
from db.failure import PassingSqlError
from db.load import threads_running
from db.named_lock import alone
from db.verify_store import Unit
from migration_core.errors import Transient
from migration_verifier.processes import FORKED
from migration_verifier.verify_run import open_checks
from migration_verifier.verify_work import Throttle, Worker
from runtime.failpoints import failpoints
from runtime.garbage import collect_seldom
from runtime.retry import patiently


@dataclass(frozen=True, slots=True)
class Task:
    """What every process of a run is told."""

    url: str
    mapping: Path
    streams: tuple[str, ...]
    run_id: int
    most_running: int = 0
    keep: int = 100_000


Told = Callable[[str, int, int], None]
"""("fold" or "walk", units done, units in all)."""

_PATIENCE = timedelta(minutes=5)
"""With a server that does not answer."""
_worker: list[Worker] = []
"""Of this process."""


def do_units(database: Database, task: Task, *, workers: int, told: Told = lambda _kind, _done, _all: None) -> None:
    """Do every open unit of the run: all folds first, since the walks need the keys that these met."""
    with alone(database, "verify"):
        own = _opened(database, task) if workers == 1 else None
        for kind in ("fold", "walk"):
            with database.transaction() as session:
                every = [unit for unit in verify_store.units(session, task.run_id) if unit.kind == kind]
                units = [u for u in verify_store.units(session, task.run_id, open_only=True) if u.kind == kind]
            if units:
                ended = _here(own, units) if own else _in_processes(task, units, min(workers, len(units)))
                for number, _ in enumerate(ended, len(every) - len(units) + 1):
                    told(kind, number, len(every))


def _here(worker: Worker, units: Sequence[Unit]) -> Iterator[None]:
    for unit in units:
        _done(worker, unit)
        yield


def _in_processes(task: Task, units: Sequence[Unit], count: int) -> Iterator[None]:
    waiting = iter(units)
    try:
        with ProcessPoolExecutor(count, FORKED, _begin, (task,)) as pool:
            running = {pool.submit(_do, unit) for unit in islice(waiting, count)}
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for one in ended:
                    yield one.result()
                running |= {pool.submit(_do, unit) for unit in islice(waiting, len(ended))}
    except BrokenProcessPool as error:
        raise Transient("a process of the verification died: run `migration verify` again, it goes on") from error


def _begin(task: Task) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    _worker.append(_opened(Database(task.url, pool_size=1), task))


def _do(unit: Unit) -> None:
    _done(_worker[0], unit)


def _done(worker: Worker, unit: Unit) -> None:
    """Do a unit to its end; after an error that may pass by itself it goes on from what it has kept."""

    def attempt() -> None:
        with worker.database.transaction() as session:
            units = verify_store.units(session, worker.run_id, open_only=True)
        for one in units:
            if one.unit == unit.unit:
                worker.do(one)

    patiently(attempt, stop=Event(), what=f"unit {unit.unit}", patience=_PATIENCE, passes=_passes)


def _passes(error: BaseException) -> bool:
    return isinstance(error, PassingSqlError)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(75)


def _opened(database: Database, task: Task) -> Worker:
    collect_seldom()
    _, checks = open_checks(database, task.mapping, task.streams)
    reached = failpoints(os.environ)
    return Worker(
        database,
        task.run_id,
        checks,
        Throttle(partial(threads_running, database), task.most_running),
        task.keep,
        reached=reached,
    )
