"""The cut-over on real servers: its order, its gates, its way back, and its end wherever it was killed."""

from threading import Event

import pytest

from db.cutover_store import RunnerLock
from kafka_log.producer import LogWriter
from kafka_log.topics import TopicAdmin
from migration_cli import cutover_parts
from migration_core.cutover import BACK, FORWARD, CutoverStep
from migration_core.errors import ConfigError, Fenced, MigrationError, Transient
from migration_core.gate import Gate, GateVerdict
from migration_core.steps import Step
from migration_verifier.change_files import export_changes
from migration_verifier.cutover import CutoverStuck, Hooks
from tests.integration.applying import doc, person
from tests.integration.cutting_over import at_rest
from tests.proof.cutover_kills import killed_and_resumed

pytestmark = pytest.mark.servers

SHUT = Gate("planted", GateVerdict.FAIL, "a fault", "mend it")
HOOKS = (CutoverStep.FREEZE, CutoverStep.SWITCH, CutoverStep.SWITCH_BACK, CutoverStep.UNFREEZE)
ALL = [(step.value, "passed") for step in FORWARD]


class Killed(BaseException):
    """Stands for kill -9: nothing below may handle it."""


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory):
    with at_rest(servers, tmp_path_factory.mktemp("night")) as found:
        yield found


@pytest.fixture
def night(world, monkeypatch):
    monkeypatch.setattr("db.cutover_store._LOCK_SECONDS", 60)  # until the server sees that a runner has died
    world.reset()
    return world


def dying_at(point):
    """Dies when it first comes to `point`."""

    def reached(step):
        if step is point:
            raise Killed

    return reached


def run_dying(night):
    """Run with a death at every point of every step; the steps in which it died."""
    died = []
    while (at := night.store.active()) is not None:
        for point in (Step.CUTOVER_HOOK_CALLED, Step.CUTOVER_STEP_DONE, Step.CUTOVER_STEP_MOVED):
            if point is Step.CUTOVER_HOOK_CALLED and at.step not in HOOKS:
                continue
            with pytest.raises(Killed):
                night.run(dying_at(point))
            died.append(at.step)
    return list(dict.fromkeys(died))


class TestTheWayForward:
    def test_it_takes_every_step_once_and_records_who_approved(self, night):
        night.begin()

        ended = night.run()

        assert ended.step is CutoverStep.DONE
        assert ended.approved_by == "Ada"
        assert night.steps() == ALL
        assert [hook for hook, _ in night.calls] == ["freeze", "switch"]
        assert (night.states(), night.triggers()) == ({"paused"}, 0)

    def test_a_rehearsal_drains_and_checks_and_gives_everything_back(self, night):
        night.begin(rehearsal=True)

        ended = night.run()

        assert (ended.step, ended.reason) == (CutoverStep.REHEARSED, "")
        assert [hook for hook, _ in night.calls] == ["freeze", "unfreeze"]
        assert (night.states(), night.triggers()) == ({"running"}, 0)

    def test_only_one_can_be_under_way(self, night):
        night.begin()

        with pytest.raises(ConfigError, match="under way"):
            night.begin()

    def test_a_second_runner_is_sent_away_while_the_first_is_at_work(self, night, monkeypatch):
        monkeypatch.setattr("db.cutover_store._LOCK_SECONDS", 0)
        night.begin()

        with night.store.sole_runner(), pytest.raises(Transient, match="another process"):
            night.run()

    def test_it_waits_for_the_lag_and_for_the_drain_and_says_what_it_waits_for(self, night):
        night.begin(max_lag=0)
        night.applying.put("people", [person("b")])
        waited = []

        def look():
            step = night.store.steps(night.store.active().cutover_id)[-1]
            waited.append((step.step, step.detail))
            if step.step is CutoverStep.LAG:
                night.applying.drain()
            night.approve_when_asked()

        night.at_look = look
        night.run()

        assert (CutoverStep.LAG, "lag: 1 records are not applied yet, 0 are allowed (wait, or add workers)") in waited

    def test_a_transaction_that_was_open_at_the_freeze_may_end_and_is_no_new_write(self, night):
        writer = LogWriter(night.config, transactional_id=night.applying.name)
        writer.begin()
        writer.produce(f"{night.applying.name}.logins", doc(id="late", login="l"), key=b"{}")
        writer.flush()
        # The record and the marker behind it are stored before they are looked for.
        night.applying.rows("UPDATE source_offset SET next_offset = next_offset + 2 WHERE topic LIKE %s", "%.logins")
        waited = []

        def look():
            detail = night.store.steps(night.store.active().cutover_id)[-1].detail
            if "transactions ended" in detail and not waited:
                waited.append(detail)
                writer.commit()
            night.approve_when_asked()

        night.at_look = look
        night.begin()

        ended = night.run()
        writer.close()

        assert (ended.step, len(waited)) == (CutoverStep.DONE, 1)


class TestTurningBack:
    @pytest.mark.parametrize(
        "step",
        [CutoverStep.VERIFY, CutoverStep.PLANS, CutoverStep.REJECTS, CutoverStep.LAST_LOOK],
    )
    def test_a_gate_that_says_no_behind_the_freeze_unfreezes_and_keeps_the_reason(self, night, step):
        night.planted[step] = SHUT
        night.begin()

        ended = night.run()

        assert (ended.step, ended.reason) == (CutoverStep.SYNCING, "planted: a fault (mend it)")
        assert night.steps()[-2:] == [(step.value, "failed"), ("unfreeze", "passed")]
        assert [hook for hook, _ in night.calls] == ["freeze", "unfreeze"]
        assert night.states() == {"running"}

    def test_a_step_that_nothing_checks_does_not_pass(self, night):
        night.begin()
        runner = night.runner()
        whole = runner._gates_of
        runner._gates_of = lambda at: {**whole(at), CutoverStep.VERIFY: []}

        assert runner.run().reason.startswith("verify: nothing checks this")

    def test_a_drain_that_takes_too_long_gives_the_old_platform_back(self, night):
        night.forget("logins")
        night.write_to("logins", doc(id="late", login="l"))
        night.begin(drain_seconds=0.0)

        ended = night.run()

        assert ended.step is CutoverStep.SYNCING
        assert "topics stored" in ended.reason
        assert [hook for hook, _ in night.calls] == ["freeze", "unfreeze"]

    def test_a_record_that_arrives_while_people_decide_keeps_the_switch_from_happening(self, night):
        def look():
            if night.store.active().approved_by is None:
                night.write_to("logins", doc(id="late", login="l"))
            night.approve_when_asked()

        night.at_look = look
        night.begin()

        ended = night.run()

        assert ended.step is CutoverStep.SYNCING
        assert "legacy platform silent" in ended.reason
        assert "switch" not in [hook for hook, _ in night.calls]

    def test_rejects_that_are_open_again_when_people_have_decided_keep_the_switch_from_happening(self, night):
        def look():
            if night.store.active().step is CutoverStep.APPROVAL:
                night.applying.rows(
                    "INSERT INTO reject_pattern (stream_id, hash, stage, code, field_path, shape, rejects) "
                    "SELECT MIN(stream_id), 'late', 'map', 'LATE', '', '', 1 FROM stream "
                    "ON DUPLICATE KEY UPDATE state = 'open'"
                )
            night.approve_when_asked()

        night.at_look = look
        night.begin()

        ended = night.run()

        assert (ended.step, "1 LATE of" in ended.reason) == (CutoverStep.SYNCING, True)
        assert "switch" not in [hook for hook, _ in night.calls]

    def test_an_open_reject_stands_in_the_way_until_a_person_accepts_it(self, night):
        night.applying.put("people", [("x", doc(id="x", name=None))])
        night.applying.drain()
        night.applying.rows("UPDATE reject_pattern SET state = 'open'")
        night.begin()

        first = night.run()
        night.applying.rows("UPDATE reject_pattern SET state = 'accepted'")
        night.begin()
        second = night.run()

        assert "FIELD_NULL of people" in first.reason
        assert second.step is CutoverStep.DONE

    def test_nobody_approving_in_time_gives_the_old_platform_back(self, night):
        night.at_look = lambda: None
        night.begin(approval_seconds=0.0)

        assert night.run().reason == "nobody approved within 0 s"
        assert night.calls[-1][0] == "unfreeze"

    def test_a_freeze_hook_that_fails_is_followed_by_the_unfreeze(self, night):
        night.hooks = Hooks({**night.hooks.by_step, CutoverStep.FREEZE: "false"})
        night.begin()

        assert night.run().reason == "the freeze hook ended with 1"
        assert [hook for hook, _ in night.calls] == ["unfreeze"]

    def test_a_switch_hook_that_fails_stays_there_and_is_tried_again_with_the_same_token(self, night):
        whole = night.hooks
        failing = night.folder / "failing"
        failing.touch()
        hook = f"sh -c 'echo $MIGRATION_HOOK $MIGRATION_TOKEN >> {night.folder}/hooks.log; test ! -e {failing}'"
        night.hooks = Hooks({**whole.by_step, CutoverStep.SWITCH: hook})
        night.begin()

        with pytest.raises(CutoverStuck, match="switch"):
            night.run()
        failing.unlink()
        ended = night.run()

        assert ended.step is CutoverStep.DONE
        tokens = [token for hook, token in night.calls if hook == "switch"]
        assert len(tokens) == 2
        assert len(set(tokens)) == 1

    def test_approval_is_taken_only_where_it_is_asked_for(self, night):
        with pytest.raises(ConfigError, match="no cut-over waits"):
            night.store.approve("Ada")
        night.begin()

        with pytest.raises(ConfigError, match="no cut-over waits"):
            night.store.approve("Ada")

    def test_a_record_in_a_partition_that_was_added_since_is_no_silence(self, servers, tmp_path, credentials):
        with at_rest(servers, tmp_path) as night:
            night.reset()
            topic = f"{night.applying.name}.logins"

            def look():
                if night.store.active().step is CutoverStep.APPROVAL:
                    TopicAdmin(night.config).add_partitions(topic, 2)
                    writer = LogWriter(night.config)
                    writer.produce(topic, doc(id="late", login="l"), key=b"{}", partition=1)
                    writer.close()
                night.approve_when_asked()

            night.at_look = look
            night.begin()

            ended = night.run()

            assert (ended.step, f"{topic}[1]" in ended.reason) == (CutoverStep.SYNCING, True)


class TestAborting:
    @pytest.mark.parametrize("step", [step for step in FORWARD if step is not CutoverStep.CLOSE])
    def test_it_is_safe_at_every_step(self, night, step):
        def reached(_point):
            at = night.store.active()
            if at is not None and at.step is step and at.abort_by is None:
                night.store.ask_abort("Ada", "no")

        night.begin()

        ended = night.run(reached)

        assert (ended.step, ended.reason) == (CutoverStep.SYNCING, "aborted by Ada: no")
        assert (night.states(), night.triggers()) == ({"running"}, 0)
        called = [hook for hook, _ in night.calls]
        # Whether a hook was called before a kill is not known, so what undoes it is called in any case.
        assert called.count("freeze") <= called.count("unfreeze")
        assert called.count("switch") <= called.count("switch_back")
        assert ("unfreeze" in called) == (step not in (CutoverStep.PREFLIGHT, CutoverStep.LAG))

    @pytest.mark.parametrize("step", [CutoverStep.LAG, CutoverStep.DRAIN, CutoverStep.APPROVAL, CutoverStep.WATCH])
    def test_it_is_heard_while_a_step_waits(self, night, step):
        def look():
            if night.store.active().step is step:
                night.store.ask_abort("Ada", "no")
            elif step is not CutoverStep.APPROVAL:
                night.approve_when_asked()

        night.at_look = look
        if step in (CutoverStep.LAG, CutoverStep.DRAIN):
            night.planted[step] = SHUT
        night.begin(watch_seconds=60.0)

        ended = night.run()

        assert (ended.step, ended.reason) == (CutoverStep.SYNCING, "aborted by Ada: no")
        assert (step.value, "aborted") in night.steps()

    def test_a_wish_that_comes_as_the_watch_ends_is_not_overtaken_by_the_closing_of_the_way(self, night):
        def reached(point):
            at = night.store.active()
            if point is Step.CUTOVER_STEP_DONE and at.step is CutoverStep.WATCH and at.abort_by is None:
                night.store.ask_abort("Ada", "no")

        night.begin()
        with pytest.raises(Fenced):
            night.run(reached)

        assert night.run().step is CutoverStep.SYNCING

    def test_once_the_way_back_is_closing_the_wish_is_refused(self, night):
        refused = []

        def reached(_point):
            at = night.store.active()
            if at is not None and at.step is CutoverStep.CLOSE:
                with pytest.raises(ConfigError, match="way back is closed"):
                    night.store.ask_abort("Ada", "no")
                refused.append(1)

        night.begin()

        assert (night.run(reached).step, bool(refused)) == (CutoverStep.DONE, True)

    def test_changes_that_were_committed_behind_the_files_are_carried_back_too(self, night):
        night.begin(watch_seconds=60.0)
        night.at_look = lambda: (
            night.store.ask_abort("Ada", "no")
            if night.store.active().step is CutoverStep.WATCH
            else night.approve_when_asked()
        )

        def write_late(point):
            at = night.store.active()
            if point is Step.CUTOVER_STEP_DONE and at.step is CutoverStep.CARRY_BACK:
                night.applying.rows("UPDATE {target}.people SET name = 'late' WHERE id = 'a'")

        with pytest.raises(CutoverStuck, match="1 changes were committed behind"):
            night.run(write_late)
        back = cutover_parts.way_back(night.applying.database, night.applying.mapping_file)
        export_changes(
            night.applying.database, night.store.active().cutover_id, night.folder / "changes", back.reversals
        )

        assert (night.run().step, night.triggers()) == (CutoverStep.SYNCING, 0)
        night.applying.rows("UPDATE {target}.people SET name = 'n' WHERE id = 'a'")

    def test_there_is_nothing_to_abort_when_none_is_under_way(self, night):
        with pytest.raises(ConfigError, match="nothing to abort"):
            night.store.ask_abort("Ada", "")


class TestDying:
    def test_killed_at_every_point_of_every_step_it_goes_on_where_it_stood_and_ends_the_same(self, night):
        night.begin()

        died = run_dying(night)

        assert died == list(FORWARD)
        assert night.store.latest().step is CutoverStep.DONE
        assert night.steps() == ALL
        assert [hook for hook, _ in night.calls] == ["freeze"] * 3 + ["switch"] * 3
        assert len({token for _, token in night.calls}) == 2, "a call that is repeated carries the same token"
        assert (night.states(), night.triggers()) == ({"paused"}, 0)

    def test_killed_at_every_point_of_the_way_back_it_gives_everything_back(self, night):
        night.begin(watch_seconds=60.0)
        night.at_look = lambda: night.approve_when_asked() or abort_when_watching(night)

        died = run_dying(night)

        assert died[-len(BACK) :] == list(BACK)
        assert night.store.latest().step is CutoverStep.SYNCING
        assert night.calls[-1][0] == "unfreeze"
        assert (night.states(), night.triggers()) == ({"running"}, 0)


def abort_when_watching(night):
    at = night.store.active()
    if at is not None and at.step is CutoverStep.WATCH:
        night.store.ask_abort("Ada", "")


class TestTwoRunners:
    def test_one_that_lost_its_place_changes_nothing_more(self, night):
        night.begin()
        taken = []

        def reached(step):
            if step is Step.CUTOVER_STEP_DONE and not taken:
                taken.append(night.store.take_over())

        with pytest.raises(Fenced):
            night.run(reached)

        assert night.steps() == [("preflight", "None")]
        assert night.run().step is CutoverStep.DONE

    def test_the_lock_beats_by_itself_while_a_gate_takes_its_time(self, night, monkeypatch):
        monkeypatch.setattr("db.cutover_store._BEAT_SECONDS", 0.01)
        beats, whole, enough = [], RunnerLock.beat, Event()

        def beat(lock):
            whole(lock)
            beats.append(lock)
            if len(beats) > 2:
                enough.set()

        monkeypatch.setattr(RunnerLock, "beat", beat)
        with night.store.sole_runner():
            assert enough.wait(30)

    def test_a_lock_that_was_lost_is_noticed_before_the_next_step(self, night):
        night.begin()

        def reached(step):
            if step is Step.CUTOVER_STEP_MOVED:
                for (thread,) in night.applying.rows("SELECT IS_USED_LOCK(CONCAT('migration_cutover:', DATABASE()))"):
                    night.applying.rows(f"KILL {thread}")

        with pytest.raises(MigrationError):
            night.run(reached)

        assert night.store.active().step is CutoverStep.LAG
        assert night.run().step is CutoverStep.DONE

    def test_the_rows_are_counted_only_when_all_else_is_drained(self, night, monkeypatch):
        counted = []
        monkeypatch.setattr(
            "migration_verifier.audit.proven_ledger", lambda _control, _stop: counted.append(1) or night_gate()
        )
        night.forget("logins")
        night.write_to("logins", doc(id="late", login="l"))
        night.begin(drain_seconds=0.0)

        night.run()

        assert counted == []


def night_gate():
    return Gate("ledger", GateVerdict.PASS, "balanced")


def test_killed_at_random_moments_it_always_ends_the_same(night):
    killed_and_resumed(night, kills=3, seed=1)
