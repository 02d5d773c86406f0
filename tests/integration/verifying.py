"""A verification of a test's world in this process, and what it found as plain values."""

from contextlib import contextmanager
from functools import partial

from db.engine import Database
from db.verify_store import differences
from migration_verifier.verify_pool import Task, do_units
from migration_verifier.verify_run import Plan, begin_or_resume, finish, open_checks


def verified(
    world, *streams, since_last=False, workers=1, keep=100_000, version="test", within_snapshots=None, after_folds=None
):
    """The verdict of one run from its beginning, or from where an interrupted one stands, to its end.

    `within_snapshots` is called before and after a snapshot is opened, and before each look at processed rows in it;
    `after_folds` when all folds are done.
    """
    mapping, checks = open_checks(world.database, world.mapping_file, streams)
    plan = Plan(streams, since_last)
    run_id, _ = begin_or_resume(world.database, mapping, checks, plan, version=version)
    task = Task(world.url, world.mapping_file, streams, run_id, keep=keep)
    database = _Watched(world.url, within_snapshots)
    do_units(database, task, workers=workers, told=partial(_told, after_folds))
    database.close()
    return finish(world.database, run_id)


def _told(after_folds, kind, done, every):
    if after_folds is not None and (kind, done) == ("fold", every):
        after_folds()


def found(world, verification):
    """{(table, kind, primary key, column)}."""
    with world.database.transaction() as session:
        return {(one.table, one.kind, one.primary_key, one.column) for one in differences(session, verification.run_id)}


class _Watched(Database):
    def __init__(self, url, within_snapshots):
        super().__init__(url, pool_size=1)
        self._within_snapshots = within_snapshots or (lambda: None)

    @contextmanager
    def snapshot(self, seconds=2):
        self._within_snapshots()
        with super().snapshot(seconds) as session:
            self._within_snapshots()
            connection, text_rows = session.connection, session.connection.text_rows

            def watched(sql):
                if "BIT_XOR" in sql:
                    self._within_snapshots()
                return text_rows(sql)

            connection.text_rows = watched
            try:
                yield session
            finally:
                del connection.text_rows
