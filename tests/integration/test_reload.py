"""A reload on real servers, while the platform lives on and every program runs."""

import json

import pytest

from tests.integration.reloading import Reloading, reloading

pytestmark = [pytest.mark.servers, pytest.mark.long]

KILLED_AT = [
    "reload.generation_raised",
    "reload.cut",
    "loader.registered",
    "loader.chunk_written",
    "loader.chunk_committed",
    "loader.part_verified",
    "loader.duplicates_found",
    "loader.part_opened",
    "loader.rung",
    "reload.keys_swept",
    "loader.stream_opened",
]
"""In the order in which one reload comes by, run again and again."""


@pytest.fixture
def world(servers, tmp_path, credentials):
    with reloading(servers, tmp_path) as found:
        yield found


def drift(world: Reloading, stream: str, **changed: object) -> None:
    """What happens on the platform and never reaches the topic: documents changed, made and gone."""
    world.platform.put(stream, "changed", told=False, **changed)
    world.platform.put(stream, "made", told=False, **changed)
    world.platform.remove(stream, "gone", told=False)


def people(world: Reloading) -> None:
    for key in ("changed", "gone", "kept", "early", "late", "between"):
        world.platform.put("people", key, name="first")


def test_a_reload_takes_the_place_of_what_drifted_while_changes_and_deletes_arrive(world):
    people(world)
    world.begin("people")
    world.platform.live()
    drift(world, "people", name="silent")

    world.migration("reload", "people")
    world.platform.put("people", "between", name="told")
    world.platform.put("people", "between", told=False, name="silent")
    world.platform.export("people", world.folder / "again")
    world.platform.put("people", "late", name="after the export")
    world.platform.remove("people", "early")
    world.until_stored()
    said = world.migration("reload", "people", "--snapshot", str(world.folder / "again"), "--json")

    world.expect_equal()
    assert json.loads(said)["state"] == "done"
    assert world.rows("SELECT generation, state FROM reload") == [(3, "done")]
    assert world.ledger("people").superseded > 0
    assert {"gone"} <= deleted(world)


def test_a_reload_that_is_killed_at_each_of_its_steps_goes_on_by_the_same_command(world):
    people(world)
    world.begin("people")
    world.platform.live()
    drift(world, "people", name="silent")
    again = world.folder / "again"

    for step in KILLED_AT:
        if step == "loader.registered":
            world.platform.export("people", again)
        snapshot = ["--snapshot", str(again)] if again.exists() else []
        world.killed(step, "reload", "people", *snapshot)
        world.platform.put("people", "late", name=step)
    world.migration("reload", "people", "--snapshot", str(again))

    world.expect_equal()
    assert world.rows("SELECT generation, state FROM reload") == [(3, "done")]


def test_a_reload_of_partial_changes_takes_whole_documents_whatever_their_op_says(world):
    for key in ("changed", "gone", "kept"):
        world.platform.put("trips", key, stage="s", delay=5)
    world.begin("trips")
    world.until_drained()
    drift(world, "trips", stage="silent", delay=None)

    world.migration("reload", "trips")
    world.platform.put("trips", "kept", delay=7)
    world.platform.export("trips", world.folder / "again")
    world.platform.put("trips", "changed", stage="told")
    world.migration("reload", "trips", "--snapshot", str(world.folder / "again"))

    world.expect_equal()


def test_a_snapshot_from_before_the_cut_is_refused_and_nothing_is_cut_for_it(world):
    people(world)
    world.begin("people")
    world.platform.put("people", "kept", name="told before the export")
    world.platform.export("people", world.folder / "old")
    world.platform.put("people", "changed", name="told after the export")
    world.until_stored()
    old = ("--snapshot", str(world.folder / "old"))

    said = world.migration("reload", "people", *old, code=2)
    uncut = world.rows("SELECT * FROM reload")
    world.migration("reload", "people")
    also = world.migration("reload", "people", *old, code=2)
    world.migration("reload", "people", "--abandon")

    for words in (said, also):
        assert "before the cut of stream 'people'" in words
    assert uncut == []
    world.expect_equal()
    assert world.rows("SELECT generation, state FROM reload") == [(3, "abandoned")]


def test_a_second_reload_sweeps_no_key_that_is_gone_already(world):
    people(world)
    world.begin("people")
    world.platform.remove("people", "gone", told=False)
    for number in (1, 2):
        world.migration("reload", "people")
        world.platform.export("people", world.folder / f"again-{number}")
        world.migration("reload", "people", "--snapshot", str(world.folder / f"again-{number}"))

    world.expect_equal()
    assert world.rows("SELECT COUNT(*) FROM raw_people WHERE flags & 1") == [(1,)]


def test_a_reload_can_take_its_snapshot_from_the_topics(world):
    people(world)
    world.begin("people")
    world.platform.live()

    world.migration("reload", "people", "--snapshot", str(world.folder / "taken"), "--take")

    world.expect_equal()
    assert world.rows("SELECT generation, state FROM reload") == [(3, "done")]


def deleted(world: Reloading) -> set[object]:
    """Keys with a synthetic delete."""
    found = world.rows("SELECT JSON_VALUE(CONVERT(entity_key USING utf8mb4), '$[0]') FROM raw_people WHERE flags & 1")
    return {key for (key,) in found}
