"""The night's state machine, executed as it is deployed: real gates and hooks, and a person who answers or does not."""

import shlex

import pytest

from db import change_log
from db.cutover_store import CutoverStore
from db.reject_decisions import accept, the_pattern
from db.reject_report import patterns
from examples.health_devices import scenario as health_devices
from migration_core.cutover import CutoverStep
from migration_core.steps import Step
from tests.asl.deployment import KILLED, killed_at
from tests.asl.here import deployed_here
from tests.asl.machine import TaskFailed
from tests.integration.migrating import migrating

pytestmark = [pytest.mark.servers, pytest.mark.long]

HOOKS = ("freeze", "unfreeze", "switch", "switch_back")


@pytest.fixture(scope="module")
def migrated(servers, module_credentials, tmp_path_factory):
    """An example up to the eve of its cut-over: all applied, its rejects accepted, nothing at work."""
    example = health_devices.scenario(40)
    with migrating(servers, example, tmp_path_factory.mktemp("night")) as world:
        world.publish_initial()
        world.take_snapshot()
        world.start_services(workers=1)
        world.finish(alive=lambda: try_parked_rows_now(world))
        for beside in ("migrations", "statements.yaml"):
            (world.scenario.mapping.parent / beside).symlink_to(example.mapping.parent / beside)
        for one in patterns(world.database):
            accept(world.database, the_pattern(world.database, one.pattern), who="Ada", because="planted", version="")
        yield world


def try_parked_rows_now(world):
    """Their patience is that of a night; here everything that they wait for comes at once."""
    with world.database.transaction() as session:
        session.execute("UPDATE parked_key SET next_try_at = NOW(6) - INTERVAL 1 SECOND")


class Night:
    """The deployment, and what the hooks and the control schema say."""

    def __init__(self, world, deployment, folder):
        self.world, self.deployment, self.folder = world, deployment, folder
        self.store = CutoverStore(world.database)
        hooks = {f"CUTOVER_{name.upper()}_HOOK": self._hook(name) for name in HOOKS}
        deployment.local = {**deployment.local, **hooks}
        deployment.instead = {"--watch-seconds=86400": "--watch-seconds=0"}

    def _hook(self, name):
        """Says that it was called; `NAME.fails` beside its log makes it fail."""
        body = f'echo "$MIGRATION_HOOK $MIGRATION_TOKEN" >> {self.folder}/hooks; ! test -e {self.folder}/{name}.fails'
        return f"sh -c {shlex.quote(body)}"

    @property
    def calls(self):
        log = self.folder / "hooks"
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def at(self):
        found = self.store.latest()
        return found.step, found.reason

    def answers(self, *answers):
        """What a person says, one answer after another."""
        left = list(answers)

        def answer(_message):
            given = left.pop(0)
            given = given() if callable(given) else given
            if isinstance(given, TaskFailed):
                raise given
            return given

        self.deployment.answer = answer

    def sql(self, statement):
        with self.world.database.transaction() as session:
            session.execute(statement)

    def begin(self, given=None):
        return self.deployment.execute("Cutover", given)

    def run(self, *words):
        child = self.deployment.begin("command", ("migration_cli", *words))
        assert child.process.wait(60) == 0, child.last_words()


@pytest.fixture
def night(migrated, tmp_path):
    with deployed_here(migrated, tmp_path) as deployment:
        yield Night(migrated, deployment, tmp_path)
    change_log.turn_off(migrated.database, migrated.scenario.target_schema)
    with migrated.database.transaction() as session:
        for table in ("change_log", "change_file", "cutover_step", "cutover"):
            session.execute(f"DELETE FROM {table}")
        session.execute("UPDATE stream_state SET state = 'running', reason = ''")


def test_a_yes_with_a_name_switches_whatever_dies_on_the_way(night):
    night.answers({"yes": True}, {"by": ""}, {"by": "Ada"})
    fates = {"--until=approval": [killed_at(Step.CUTOVER_STEP_MOVED)], "--go-on": [killed_at(Step.CUTOVER_HOOK_CALLED)]}
    night.deployment.at_task = lambda _task, words: next((fates[word].pop() for word in words if fates.get(word)), {})

    execution = night.begin()

    assert (execution.error, night.at) == (None, (CutoverStep.DONE, ""))
    assert night.store.latest().approved_by == "Ada"
    assert execution.path.count("Ask for approval") == 3
    assert [one.code for one in night.deployment.ran] == [1, KILLED, 0, KILLED, 0]
    assert night.calls == ["freeze", "switch", "switch"]
    assert night.deployment.messages[-1] == "The new platform is in use, and the way back is closed."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (TaskFailed("Bob: not tonight", "-"), "aborted by Step Functions: not approved: Bob: not tonight"),
        ("silence", "aborted by Step Functions: not approved: States.Timeout"),
    ],
    ids=["a no", "no answer"],
)
def test_without_a_yes_the_old_platform_is_given_back_and_the_copy_is_synced_on(night, answer, reason):
    night.answers(answer if isinstance(answer, TaskFailed) else lambda: night.deployment.clock.wait(3601))

    execution = night.begin()

    assert (execution.error, night.at) == ("TurnedBack", (CutoverStep.SYNCING, reason))
    assert night.calls == ["freeze", "unfreeze"]
    assert (
        'send-task-success --task-output \'{"by": "YOUR NAME"}\' --task-token token\n' in night.deployment.messages[0]
    )


def test_a_gate_that_says_no_turns_back_and_nobody_is_asked(night):
    table = f"{night.world.scenario.target_schema}.devices"
    night.sql(f"ALTER TABLE {table} DROP INDEX ix_devices_owner_id")

    execution = night.begin()

    night.sql(f"ALTER TABLE {table} ADD INDEX ix_devices_owner_id (owner_id)")
    assert execution.error == "TurnedBack"
    assert "ix_devices_owner_id" in night.at[1]
    assert night.calls == ["freeze", "unfreeze"]
    assert night.deployment.messages == []


def test_what_never_comes_up_to_approval_is_aborted(night):
    fates = [killed_at(Step.CUTOVER_HOOK_CALLED)] * 3
    night.deployment.at_task = lambda _task, words: fates.pop() if "--until=approval" in words and fates else {}

    execution = night.begin()

    because = "aborted by Step Functions: not prepared, last with States.TaskFailed"
    assert (execution.error, night.at) == ("TurnedBack", (CutoverStep.SYNCING, because))
    assert night.calls == ["freeze", "freeze", "freeze", "unfreeze"]
    assert night.deployment.clock.waits == [30, 120]


def test_a_switch_that_fails_calls_a_person_and_the_next_execution_goes_on_there_unasked(night):
    fails = night.folder / "switch.fails"
    fails.touch()
    night.answers({"by": "Ada"})

    stuck = night.begin()
    stands = night.at[0]
    fails.unlink()
    done = night.begin()

    assert (stuck.error, stands) == ("NeedsAPerson", CutoverStep.SWITCH)
    assert (done.error, night.at) == (None, (CutoverStep.DONE, ""))
    assert "Ask for approval" not in done.path
    assert night.calls == ["freeze", "switch", "switch"]


def test_a_yes_that_comes_after_an_abort_begins_nothing(night):
    def after_an_abort():
        night.run("cutover", "abort", "--by", "Eve")
        return {"by": "Ada"}

    night.answers(after_an_abort)

    execution = night.begin()

    assert (execution.error, night.at) == ("TurnedBack", (CutoverStep.SYNCING, "aborted by Eve"))
    assert night.calls == ["freeze", "unfreeze"]


def test_a_rehearsal_asks_nobody_and_gives_the_old_platform_back(night):
    execution = night.begin({"rehearse": True})

    assert (execution.error, night.at) == (None, (CutoverStep.REHEARSED, ""))
    assert night.calls == ["freeze", "unfreeze"]
    assert night.deployment.messages == []
