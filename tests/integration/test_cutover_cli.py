"""`migration cutover …` as a person uses it on the night, and as a platform that restarts what was killed."""

import json
import os
import signal

import pytest

from migration_core.cutover import CutoverStep
from migration_core.steps import Step
from tests.integration.cutting_over import at_rest
from tests.integration.test_cli import Cli

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory):
    with at_rest(servers, tmp_path_factory.mktemp("night")) as found:
        yield found


@pytest.fixture
def night(world, monkeypatch):
    monkeypatch.setattr("db.cutover_store._LOCK_SECONDS", 60)  # until the server sees that a runner has died
    world.reset()
    return world


@pytest.fixture
def cli(night, monkeypatch, capsys):
    found = Cli(night.applying.url, monkeypatch, capsys)
    hooks = {f"CUTOVER_{step.upper()}_HOOK": hook for step, hook in night.hooks.by_step.items()}
    secrets = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": night.config["bootstrap.servers"]}
    found.env |= {**night.applying.environment, **hooks, **secrets, **kafka}
    return found


def test_the_steps_of_the_night_by_command(night, cli):
    assert cli.json("cutover", "status") is None

    code, out, err = cli.run("cutover", "run", "--rehearse")
    told = cli.json("cutover", "status")

    # This world has no migrations of its own, so that drift cannot be asked: the cut-over must turn back.
    assert code == 1, err
    assert "schema drift: " in out
    assert told["cutover"]["step"] == "syncing"
    assert [one["step"] for one in told["steps"]][-1] == "unfreeze"
    assert [one["name"] for one in told["steps"][0]["gates"] if one["verdict"] == "fail"] == []


def test_killed_at_a_hook_it_is_run_again_and_goes_on_there(night, cli):
    cli.env["MIGRATION_FAILPOINTS"] = f"{Step.CUTOVER_HOOK_CALLED}:1:kill"
    killed = cli.start("cutover", "run", "--rehearse")
    assert killed.wait(60) == -signal.SIGKILL
    killed.communicate()
    assert cli.json("cutover", "status")["cutover"]["step"] == "freeze"

    del cli.env["MIGRATION_FAILPOINTS"]
    cli.run("cutover", "run")

    assert [hook for hook, _ in night.calls] == ["freeze", "freeze", "unfreeze"]
    assert len({token for hook, token in night.calls if hook == "freeze"}) == 1


def test_approve_and_abort_say_who_and_refuse_where_they_mean_nothing(night, cli):
    assert cli.run("cutover", "approve", "--by", "Ada")[0] == 2
    assert cli.run("cutover", "abort", "--by", "Ada")[0] == 2
    night.begin()
    with night.applying.database.transaction() as session:
        session.execute("UPDATE cutover SET step = %s", (CutoverStep.APPROVAL,))

    approved = cli.json("cutover", "approve", "--by", "Ada")
    _, out, _ = cli.run("cutover", "abort", "--by", "Bob", "--because", "too slow", "--json")

    assert (approved["approved_by"], approved["approved_at"] is None) == ("Ada", False)
    assert json.loads(out)["cutover"]["reason"] == "aborted by Bob: too slow"
    assert [hook for hook, _ in night.calls] == ["unfreeze"]


def test_an_abort_beside_a_runner_at_work_leaves_the_turning_back_to_it(night, cli):
    night.begin()

    with night.store.sole_runner():
        code, out, _ = cli.run("cutover", "abort", "--by", "Bob")

    assert (code, out) == (0, "asked: the process at work turns back at its next look\n")
    assert night.run().reason == "aborted by Bob"


def test_a_missing_hook_is_named_before_anything_is_frozen(night, cli):
    del cli.env["CUTOVER_FREEZE_HOOK"]

    code, out, _ = cli.run("cutover", "run")

    assert code == 1
    assert "set CUTOVER_FREEZE_HOOK" in out
    assert night.calls == []


def test_open_rejects_turn_it_back_before_anything_is_frozen(night, cli):
    night.applying.put("people", [("x", b'{"id": "x"}')])
    night.applying.drain()
    night.applying.rows("UPDATE reject_pattern SET state = 'open'")

    code, out, _ = cli.run("cutover", "run")

    assert (code, night.calls) == (1, [])
    assert "FIELD_MISSING of people" in out


def test_a_missing_variable_is_named_before_anything_begins(night, cli):
    del cli.env["KAFKA_BOOTSTRAP_SERVERS"]

    code, _, err = cli.run("cutover", "run")

    assert code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in err
    assert night.store.latest() is None


def test_a_done_cutover_is_not_begun_again_by_whoever_restarts_the_command(night, cli):
    night.begin()
    night.run()

    told = cli.run("cutover", "run", "--json")

    assert told[0] == 0
    assert json.loads(told[1])["cutover"]["cutover_id"] == night.store.latest().cutover_id


def test_the_estimate_uses_what_the_rehearsal_measured(night, cli):
    night.begin(rehearsal=True)
    night.run()

    told = cli.json("cutover", "estimate", "--approval-minutes", "2")

    by_step = {one["step"]: one["seconds"] for one in told["steps"]}
    assert by_step["approval"] == 120
    assert by_step["freeze"] > 0
    assert "switch" in told["unknown"]


def stand_at_approval(night):
    night.begin()
    with night.applying.database.transaction() as session:
        session.execute("UPDATE cutover SET step = %s", (CutoverStep.APPROVAL,))


def test_it_leaves_at_the_step_that_was_named_and_goes_on_there_in_the_name_of_who_approved(night, cli):
    stand_at_approval(night)

    left = cli.run("cutover", "run", "--until", "approval")
    waits = cli.json("cutover", "status", "--at", "approval")
    code, _, _ = cli.run("cutover", "run", "--go-on", "--approved-by", "Ada")
    told = cli.json("cutover", "status", "--at", "watch", "--at", "syncing")

    assert (left[0], waits["cutover"]["approved_by"]) == (0, None)
    assert (code, told["cutover"]["approved_by"]) == (1, "Ada")  # nothing was verified here, so the last look says no
    assert [one["step"] for one in told["steps"]][-2:] == ["last_look", "unfreeze"]
    assert cli.run("cutover", "status", "--at", "watch")[0] == 1


def test_one_that_shall_turn_back_does_not_leave_before(night, cli):
    stand_at_approval(night)
    night.store.ask_abort("Bob", "too slow")

    code, _, _ = cli.run("cutover", "run", "--until", "approval")

    assert (code, night.store.latest().step) == (1, CutoverStep.SYNCING)


def test_going_on_begins_nothing_and_tells_how_the_last_one_ended(night, cli):
    assert cli.run("cutover", "run", "--go-on")[0] == 2
    assert cli.run("cutover", "run", "--approved-by", "Ada")[0] == 2
    assert cli.run("cutover", "status", "--at", "syncing")[0] == 1
    stand_at_approval(night)
    cli.run("cutover", "abort", "--by", "Bob")
    before = night.store.latest().cutover_id

    code, out, _ = cli.run("cutover", "run", "--go-on", "--approved-by", "Ada", "--json")

    assert code == 1
    assert json.loads(out)["cutover"]["reason"] == "aborted by Bob"
    assert night.store.latest().cutover_id == before


def test_status_says_no_while_more_is_left_than_allowed(night, cli):
    assert cli.run("status", "--max-lag", "0")[0] == 0
    night.write_to("people", b'{"id": "b"}')

    code, _, err = cli.run("status", "--max-lag", "0")

    assert code == 1
    assert "lag: 1 records are not applied yet, 0 are allowed" in err
    assert cli.run("status", "--max-lag", "1")[0] == 0
