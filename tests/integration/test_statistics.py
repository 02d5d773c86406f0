"""Statistics on a real server: always what the documents say, never half of it, whoever dies and when."""

import json
import signal
from collections import Counter
from threading import Event, Thread

import pytest

from db.shadow_tables import make_anew
from db.statistic_runs import newest
from examples.health_devices.counted import active_devices, device_owners
from migration_core.errors import ConfigError, Fenced, Halted, Transient
from migration_core.steps import Step
from tests.integration.fleet import Fleet, as_new, document
from tests.integration.forked import said
from tests.waiting import until

pytestmark = pytest.mark.servers

STEPS = [step for step in Step if step.startswith("statistic.")]
FOLLOWING = [Step.STATISTIC_BEGUN, Step.STATISTIC_COUNTED, Step.STATISTIC_COMMITTED, Step.STATISTIC_DONE]
"""Of a run that follows changes: it builds no tables."""
DEVICES = 60


@pytest.fixture
def world(shared_fleet) -> Fleet:
    as_new(shared_fleet)
    shared_fleet.images(*map(document, range(DEVICES)))
    return shared_fleet


def true(world: Fleet) -> bool:
    """The table, and what each device counts for, are as the documents say."""
    members = Counter((region, model) for _, region, model, _ in world.members())
    return world.active() == active_devices(world.model) == dict(members)


def change(world: Fleet) -> None:
    """Devices that come, go, move to another group, stop to count, and change in what does not matter."""
    world.images(*(document(index) for index in range(DEVICES, DEVICES + 5)))
    world.images(*(document(index, model="new") for index in range(8)))
    world.images(*(document(index, status="lost") for index in range(8, 14)))
    world.images(*(document(index, battery=0.5) for index in range(14, 17)))
    world.images(document(0, model="newer"))
    world.deletions(17, 18, DEVICES + 4)


OTHER_CHANGES = {
    "redriven": ["UPDATE lane_progress SET settled = settled + 1 WHERE lane = 3"],
    "purged": [
        "INSERT INTO lane_audit (stream_id, lane) SELECT stream_id, 3 FROM stream ON DUPLICATE KEY UPDATE lane = 3",
        "UPDATE lane_audit SET purged_to = 1 << 60 WHERE lane = 3",
    ],
    "switch": [
        "INSERT INTO cutover (rehearsal, step, plan, version) VALUES (FALSE, 'watch', '{}', '1')",
        "INSERT INTO cutover_step (cutover_id, number, step) SELECT cutover_id, 1, 'switch' FROM cutover",
    ],
}


OTHERS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999), t (i) AS (SELECT 1 UNION ALL "
    "SELECT i + 1 FROM t WHERE i < 20) SELECT n.i * 20 + t.i, NULL, 'us', 'y', '1', 'x', NOW(), NULL, 1, 'active', "
    "NULL, 1 FROM n JOIN t"
)
"""20,000 more active devices."""


class TestInFull:
    def test_the_first_run_counts_every_device_in_pieces(self, world):
        found = world.count()

        assert true(world)
        assert (found.full, found.step, found.rows) == (True, "done", DEVICES)
        assert found.chunks == DEVICES // 10 + 1

    def test_any_select_is_counted_slice_by_slice(self, world):
        found = world.count("device_owners")

        rows = world.rows("SELECT region, owners, devices_each FROM {target}.device_owners")
        assert {region: (owners, each) for region, owners, each in rows} == device_owners(world.model)
        assert found.chunks == len(rows) == 5

    def test_nothing_is_left_of_the_tables_that_it_was_built_in(self, world):
        before = world.tables()

        world.count()
        world.count(full=True)

        assert world.tables() == before

    def test_a_reader_sees_the_old_table_or_the_new_one_and_never_a_part(self, world):
        world.count()
        old = world.active()
        change(world)
        new = active_devices(world.model)
        stop, seen = Event(), []

        def read() -> None:
            while not stop.is_set():
                seen.append(world.active())

        reader = Thread(target=read)
        reader.start()
        world.count(full=True)
        stop.set()
        reader.join()

        assert old != new == world.active()
        assert all(one in (old, new) for one in seen)

    def test_two_rows_of_one_group_are_told_with_the_remedy_and_the_table_stays(self, world):
        world.rewrite({"GROUP BY region": "GROUP BY region, owner_id"}, "statistics/device_owners.sql")

        with pytest.raises(Halted, match="have the same primary key: mend the SELECT"):
            world.count("device_owners")

        assert world.rows("SELECT COUNT(*) FROM {target}.device_owners") == [(0,)]

    def test_what_a_half_built_table_holds_is_not_trusted_when_a_part_of_it_was_dropped(self, world):
        died_at(world, Step.STATISTIC_COMMITTED, 3)
        world.run_sql("DROP TABLE {target}.active_device_members__shadow")

        found = world.count()

        assert true(world)
        assert found.chunks == DEVICES // 10 + 1


class TestWhatHasChanged:
    def test_it_counts_the_same_as_in_full_after_inserts_updates_and_deletes(self, world):
        world.count()
        change(world)

        found = world.count()

        assert (found.full, found.step) == (False, "done")
        assert true(world)
        followed = world.active(), world.members()
        world.count(full=True)
        assert (world.active(), world.members()) == followed

    def test_it_looks_at_nothing_else(self, world):
        world.count()
        world.images(document(3, model="new"), document(4), document(3))

        found = world.count()

        assert found.rows == 2
        assert true(world)

    def test_right_after_a_rebuild_it_reads_the_members_of_what_has_changed_and_no_others(self, world):
        world.run_sql(
            "ALTER TABLE {target}.active_device_members STATS_AUTO_RECALC = 0"
        )  # the server counts none itself
        world.run_sql("INSERT INTO {target}.devices " + OTHERS)
        world.count(range_rows=10_000)
        world.images(*(document(index, model="x") for index in range(1000)))  # so many that it looks up no single key
        before = world.fetched("active_device_members")

        found = world.count(stretch_rows=1000)

        assert found.rows == 1000
        assert world.fetched("active_device_members") - before < 20_000

    def test_a_group_that_nobody_is_left_in_is_gone_and_a_sum_of_zero_is_none(self, world):
        world.rewrite({"1 AS devices": "0 AS devices"}, "statistics/active_devices.sql")
        world.count()
        groups = active_devices(world.model)
        assert world.active() == dict.fromkeys(groups, 0)
        everyone = [index for index in range(DEVICES) if document(index)["region"] == "us"]

        world.deletions(*everyone)
        found = world.count()

        assert not found.full
        assert world.active() == dict.fromkeys(active_devices(world.model), 0)
        assert world.active().keys() < groups.keys()

    def test_at_every_moment_each_device_counts_in_one_group_at_most(self, world):
        world.count()
        world.images(*(document(index, model="new") for index in range(DEVICES)))
        totals = []

        world.count(reached=lambda _step: totals.append(sum(world.active().values())))

        assert len(totals) > 20
        assert set(totals) == {DEVICES}

    def test_changes_behind_an_older_run_can_be_followed_again(self, world):
        first = world.count()
        world.images(document(3, model="new"))
        world.count()
        world.run_sql("DELETE FROM {target}.active_device_members WHERE device_id = %s", document(3)["deviceID"])
        world.run_sql("DELETE FROM {target}.active_devices WHERE model = 'new'")

        found = world.count(since=first.run_id)

        assert (found.since, found.rows) == (first.run_id, 1)
        assert true(world)

    @pytest.mark.parametrize("why", OTHER_CHANGES)
    def test_what_the_raw_rows_cannot_tell_of_makes_it_count_everything(self, world, why):
        world.count()
        world.run_sql("UPDATE {target}.devices SET model = 'other' WHERE id = %s", document(3)["deviceID"])
        for sql in OTHER_CHANGES[why]:
            world.run_sql(sql)

        found = world.count()

        assert found.full
        assert why in found.why
        assert world.active()[document(3)["region"], "other"] == 1

    def test_another_select_makes_it_count_everything(self, world):
        world.count()
        world.rewrite({"status: active": "status: lost"})

        found = world.count()

        assert found.full
        assert world.active() == {}

    def test_another_schedule_does_not(self, world):
        world.count()
        world.rewrite({"rate(10 minutes)": "rate(1 hour)"})

        assert not world.count().full

    def test_a_table_that_others_have_changed_is_told_with_the_remedy(self, world):
        world.count()
        world.run_sql("UPDATE {target}.active_devices SET devices = 0")
        world.images(document(3, model="new"))

        with pytest.raises(Halted, match="--full"):
            world.count()

        assert world.count(full=True).step == "done"
        assert true(world)


def died_at(world: Fleet, step: Step, passing: int = 1, **asked: bool) -> None:
    """As a killed process does, but for the lock and the connection, which end here with the call."""
    passes: Counter[Step] = Counter()

    def reached(one: Step) -> None:
        passes[one] += 1
        if (one, passes[one]) == (step, passing):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.count(reached=reached, **asked)


class TestDying:
    @pytest.mark.parametrize(("step", "full"), [*((one, True) for one in STEPS), *((one, False) for one in FOLLOWING)])
    def test_killed_at_any_step_the_same_command_ends_where_it_would_have_ended(self, world, tmp_path, step, full):
        if not full:
            world.count()
        change(world)
        killed = world.command(tmp_path / "killed", "run", "active_devices", MIGRATION_FAILPOINTS=f"{step}:1:kill")
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
        world.images(document(20, model="meanwhile"))

        again = world.command(tmp_path / "again", "run", "active_devices", "--json")
        again.join(60)

        out, err = said(tmp_path / "again")
        assert again.exitcode == 0, err
        assert json.loads(out)["state"] == "done"
        world.count()  # what came meanwhile
        assert true(world)
        assert not [name for name in world.tables() if "__" in str(name)]

    @pytest.mark.parametrize("full", [True, False], ids=["full", "changes"])
    def test_it_goes_on_from_the_last_piece_that_was_committed(self, world, full):
        if not full:
            world.count()
            change(world)
        died_at(world, Step.STATISTIC_COUNTED, 4)
        told = []

        found = world.count(told=lambda run, what: told.append((what, run.chunks)))

        assert told[0] == ("resumed", 3)
        assert found.step == "done"
        assert true(world)

    def test_an_interrupted_run_of_another_select_is_given_up(self, world):
        died_at(world, Step.STATISTIC_COMMITTED, 3)
        world.rewrite({"status: active": "status: lost"})

        found = world.count()

        assert world.active() == {}
        with world.database.transaction() as session:
            assert [one.step for one in newest(session, "active_devices", 2)] == ["done", "abandoned"]
        assert found.rows == 0

    def test_slices_go_on_too(self, world):
        passes = []

        def reached(step: Step) -> None:
            passes.append(step)
            if passes.count(Step.STATISTIC_COMMITTED) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.count("device_owners", reached=reached)
        found = world.count("device_owners")

        assert (found.chunks, found.step) == (5, "done")
        assert len(world.rows("SELECT * FROM {target}.device_owners")) == 5

    def test_asked_to_leave_it_ends_between_two_pieces_and_says_that_it_goes_on(self, world):
        asked = iter([False, False, True])

        with pytest.raises(Transient, match="it goes on"):
            world.count(wait=lambda _seconds: next(asked))

        assert world.count().step == "done"
        assert true(world)


class TestTogether:
    def test_a_second_process_is_told_to_try_again(self, world, tmp_path):
        world.count()
        others = []

        def reached(step: Step) -> None:
            if step is Step.STATISTIC_BEGUN:
                others.append(world.command(tmp_path / "other", "run", "active_devices"))
                others[0].join(60)

        world.count(full=True, reached=reached)

        assert others[0].exitcode == 75
        assert "another `migration statistics run active_devices`" in said(tmp_path / "other")[1]
        assert true(world)

    def test_a_process_that_lost_its_lock_is_fenced_by_the_one_that_took_over(self, world):
        world.count()
        change(world)
        taken = []

        def reached(step: Step) -> None:
            if step is Step.STATISTIC_COMMITTED and not taken:
                taken.append(step)
                world.run_sql(f"KILL {lock_holder(world)}")
                until(lambda: lock_holder(world) is None, "the session has ended")
                world.count()

        with pytest.raises(Fenced, match="another process works on run"):
            world.count(reached=reached)

        assert true(world)

    def test_a_process_that_lost_its_lock_renames_nothing(self, world):
        def reached(step: Step) -> None:
            if step is Step.STATISTIC_BUILT:
                world.run_sql(f"KILL {lock_holder(world)}")
                with world.database.transaction() as session:
                    make_anew(session, world.target, ("active_devices", "active_device_members"))

        with pytest.raises(Transient):
            world.count(reached=reached)

        assert "active_devices__before" not in world.tables()

    def test_it_waits_while_the_target_is_held_back(self, world):
        reasons = iter(["threads 80 > 64", "threads 70 > 64"])
        waited = []

        def wait(seconds: float) -> bool:
            waited.append(seconds)
            return False

        world.count(held_back=lambda: next(reasons, ""), wait=wait)

        assert waited.count(1.0) == 2
        assert true(world)

    def test_tables_that_are_being_swapped_are_not_counted(self, world):
        world.run_sql("UPDATE lane_progress SET mapping_hash = '-' WHERE lane = 3")

        with pytest.raises(Transient, match="being swapped"):
            world.count()


def lock_holder(world: Fleet) -> object:
    name = f"{world.database.schema}:statistics run active_devices"[:64]
    return world.rows("SELECT IS_USED_LOCK(%s)", name)[0][0]


def test_a_run_is_recorded_with_what_it_counted(world):
    world.count()
    change(world)
    world.count()

    with world.database.transaction() as session:
        second, first = newest(session, "active_devices", 10)
    assert (first.full, first.why) == (True, "no run of it has come to its end")
    assert (second.full, second.since, second.why) == (False, first.run_id, "")
    assert second.seconds is not None
    assert second.marks != first.marks


def test_a_since_that_never_ended_is_refused(world):
    with pytest.raises(ConfigError, match="did not come to its end"):
        world.count(since=999)
