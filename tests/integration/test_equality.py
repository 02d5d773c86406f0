"""What the report says of several verifications together, and what a purge may forget of them."""

from datetime import datetime

import pytest

from db.purge import remove_runs
from migration_core.report import Standing
from migration_verifier.equality import equality, oldest_that_counts
from migration_verifier.report.sections import verification_section
from tests.integration.applying import Applying, person
from tests.integration.emptying import emptied
from tests.integration.verifying import verified

pytestmark = pytest.mark.servers

LATER = datetime(2100, 1, 1)  # noqa: DTZ001 - as the server stores it


@pytest.fixture
def world(shared) -> Applying:
    return emptied(shared)


def tables(world: Applying) -> dict[str, tuple[int, int, int]]:
    """{table: (rows, compared again, differences)} of tables that were compared as a whole."""
    found = equality(world.database, world.mapping)
    assert found is not None
    return {one.table: (one.rows, one.again, one.differences) for one in found.tables if one.finished_at}


def spoil(world: Applying, who: str) -> None:
    with world.database.transaction() as session:
        session.execute(f"UPDATE {world.target}.people SET name = 'spoilt' WHERE id = %s", (who,))


def test_nothing_is_said_before_anything_was_compared(world):
    assert equality(world.database, world.mapping) is None


def test_runs_that_look_at_changes_add_to_the_one_that_compared_everything(world):
    world.put("people", [person(f"u{n}", "first") for n in range(5)])
    world.drain()
    verified(world)
    world.put("people", [person("u1", "second"), person("u9", "new")])
    world.drain()
    verified(world, since_last=True)
    verified(world, since_last=True)

    assert tables(world)["people"] == (5, 2, 0)
    assert verification_section(equality(world.database, world.mapping)).standing is Standing.GOOD


def test_a_stream_that_was_left_out_is_told_as_not_compared(world):
    verified(world, "people")

    assert set(tables(world)) == {"people", "phones"}
    assert verification_section(equality(world.database, world.mapping)).standing is Standing.OPEN


def test_what_the_newest_run_found_stands_until_it_is_mended(world):
    world.put("people", [person("u1", "first")])
    world.drain()
    verified(world)
    spoil(world, "u1")
    verified(world)
    assert tables(world)["people"] == (1, 0, 1)

    world.put("people", [person("u1", "second")])
    world.drain()
    verified(world)
    assert tables(world)["people"] == (1, 0, 0)


def test_a_purge_forgets_verifications_with_their_differences_but_not_those_that_count(world):
    world.put("people", [person("u1", "first")])
    world.drain()
    spoil(world, "u1")
    verified(world)
    world.put("people", [person("u1", "second")])
    world.drain()
    whole = verified(world).run_id
    verified(world, since_last=True)
    before = tables(world)

    removed = remove_runs(world.database, LATER, oldest_that_counts(world.database))

    assert removed == 1
    assert world.rows("SELECT MIN(run_id), COUNT(*) FROM run WHERE kind = 'verify'") == [(whole, 2)]
    assert world.rows("SELECT COUNT(*) FROM verify_difference") == [(0,)]
    assert tables(world) == before
