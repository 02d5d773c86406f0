"""A verification of a test's world in this process, and what it found as plain values."""

from db.verify_store import differences
from migration_verifier.verify_pool import Task, do_units
from migration_verifier.verify_run import Plan, begin_or_resume, finish, open_checks


def verified(world, *streams, since_last=False, workers=1, keep=100_000):
    """The verdict of one run from its beginning, or from where an interrupted one stands, to its end."""
    mapping, checks = open_checks(world.database, world.mapping_file, streams)
    plan = Plan(streams, since_last)
    run_id, _ = begin_or_resume(world.database, mapping, checks, plan, version="test")
    do_units(world.database, Task(world.url, world.mapping_file, streams, run_id, keep=keep), workers=workers)
    return finish(world.database, run_id)


def found(world, verification):
    """{(table, kind, primary key, column)}."""
    with world.database.transaction() as session:
        return {(one.table, one.kind, one.primary_key, one.column) for one in differences(session, verification.run_id)}
