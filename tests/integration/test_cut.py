"""The cut of a running stream on a real MySQL: what is stored afterwards waits, and nobody spins on the way."""

import pytest

from db.cut import abandon, make_cut
from db.registry import registered
from migration_core.errors import ConfigError, Transient
from migration_core.sequence import closed_end, last_of
from migration_core.steps import Step
from migration_worker.sweeper import Sweeper
from tests.integration.applying import Applying, applying, person
from tests.integration.snapshots import killing

pytestmark = pytest.mark.servers


@pytest.fixture
def world(servers, tmp_path, credentials):
    with applying(servers, tmp_path) as found:
        yield found
        assert found.remainders() == []


def cut(world: Applying, *dying_at: Step) -> None:
    def die() -> None:
        raise Transient("killed")

    stream = registered(world.database, "people")
    for step in dying_at:
        with pytest.raises(Transient):
            make_cut(world.database, stream, reached=killing(step, 2 if step is Step.RELOAD_LANE_CLOSED else 1, die))
    make_cut(world.database, stream)


def names(world: Applying) -> dict[object, object]:
    return dict(world.rows("SELECT id, name FROM {target}.people"))


def test_what_was_stored_before_the_cut_is_applied_and_what_comes_after_it_waits(world):
    world.put("people", [person("a"), person("b")])

    cut(world)
    world.put("people", [person("a", "late"), person("c", "late")])
    world.drain()

    assert names(world) == {"a": "n", "b": "n"}
    assert world.rows("SELECT DISTINCT applied, open_to FROM lane_progress WHERE open_to <> %s", last_of(2)) == [
        (closed_end(2), closed_end(2))
    ]
    assert (world.ledger("people").pending, world.ledger("people").lanes_with_work) == (2, 0)


def test_a_cut_that_dies_at_any_step_is_finished_by_the_next_one_and_cuts_once(world):
    world.put("people", [person("a")])

    cut(world, Step.RELOAD_GENERATION_RAISED, Step.RELOAD_LANE_CLOSED, Step.RELOAD_CUT)

    assert world.rows("SELECT generation, state FROM reload") == [(3, "cut")]
    assert world.rows("SELECT MAX(generation) FROM stream_counter") == [(4,)]


def test_a_half_made_cut_is_finished_by_a_worker_so_that_no_lane_has_work_that_nobody_can_do(world):
    def die() -> None:
        raise Transient("killed")

    stream = registered(world.database, "people")
    world.put("people", [person("a")])
    with pytest.raises(Transient):
        make_cut(world.database, stream, reached=killing(Step.RELOAD_GENERATION_RAISED, 1, die))
    world.put("people", [person(f"u{n}") for n in range(20)])

    for _ in range(3):
        Sweeper(world.work()).sweep()
    world.drain()

    assert world.rows("SELECT state FROM reload") == [("cut",)]
    assert world.ledger("people").lanes_with_work == 0


def test_a_cut_that_is_abandoned_lets_everything_through_in_order(world):
    world.put("people", [person("a"), person("b")])
    cut(world)
    world.put("people", [person("a", "late")])

    assert abandon(world.database, registered(world.database, "people"))
    world.drain()
    again = abandon(world.database, registered(world.database, "people"))

    assert names(world) == {"a": "late", "b": "n"}
    assert (world.ledger("people").pending, world.ledger("people").stream_open, again) == (0, True, False)


def test_a_stream_whose_first_snapshot_is_not_open_yet_is_not_cut(world):
    with world.database.transaction() as session:
        session.execute("UPDATE lane_progress SET open_to = 7 WHERE lane = 1")

    with pytest.raises(ConfigError, match="not loaded to its end"):
        cut(world)

    assert world.rows("SELECT * FROM reload") == []
