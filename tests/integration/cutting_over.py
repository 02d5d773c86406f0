"""A small migration at rest, with topics of its own, hooks that write down how they were called, and a cut-over."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from db import change_log
from db.cutover_store import Cutover, CutoverStore
from kafka_log.producer import LogWriter
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView, Partition, Watermark
from local_stack.servers import Servers
from migration_cli import cutover_parts
from migration_core.cutover import CutoverPlan, CutoverStep
from migration_core.gate import Gate, GateVerdict
from migration_core.steps import Reached, nothing
from migration_verifier.cutover import CutoverRunner, Hooks, NamedGates
from migration_verifier.looking import Looking
from tests.integration.applying import Applying, applying, person

PLAN = CutoverPlan(max_lag=10, drain_seconds=60.0, approval_seconds=60.0, watch_seconds=0.0)
_HOOK_STEPS = (CutoverStep.FREEZE, CutoverStep.UNFREEZE, CutoverStep.SWITCH, CutoverStep.SWITCH_BACK)
_OPEN = Gate("planted", GateVerdict.PASS, "as planned")


@dataclass(slots=True)
class CuttingOver:
    """What `cutting_over` opens."""

    applying: Applying
    folder: Path
    config: dict[str, str]
    store: CutoverStore
    all_hooks: Hooks
    hooks: Hooks
    at_look: Callable[[], None] = lambda: None
    """Called whenever the runner waits."""
    planted: dict[CutoverStep, Gate] = field(default_factory=dict)
    """Gates in the place of a step's own."""

    @property
    def calls(self) -> list[list[str]]:
        """[hook, token] of every call, in order."""
        log = self.folder / "hooks.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def write_to(self, topic: str, value: bytes) -> None:
        """The old platform publishes one more record."""
        writer = LogWriter(self.config)
        writer.produce(f"{self.applying.name}.{topic}", value, key=b'{"id":"late"}')
        writer.flush()
        writer.close()

    def reset(self) -> None:
        """As it was opened: at rest, running, with no cut-over ever begun."""
        database = self.applying.database
        change_log.turn_off(database, self.applying.target)
        with database.transaction() as session:
            for table in ("change_log", "change_file", "cutover_step", "cutover"):
                session.execute(f"DELETE FROM {table}")
            session.execute("UPDATE stream_state SET state = 'running', reason = ''")
            session.execute("UPDATE reject_pattern SET state = 'accepted'")
            for (topic, partition), mark in self._watermarks().items():
                # Whatever earlier tests have published counts as stored.
                session.execute(
                    "UPDATE source_offset SET next_offset = %s WHERE topic = %s AND kafka_partition = %s",
                    (mark.high, topic, partition),
                )
        self.hooks = self.all_hooks
        self.at_look = self.approve_when_asked
        self.planted.clear()
        (self.folder / "hooks.log").unlink(missing_ok=True)

    def _watermarks(self) -> dict[Partition, Watermark]:
        topics = [stream.topics[0] for stream in self.applying.mapping.streams.values()]
        return LogView(self.config).watermarks((topic, 0) for topic in topics)

    def know_topics(self) -> None:
        """Take the topics for the ones that the offsets were recorded of."""
        topics = [stream.topics[0] for stream in self.applying.mapping.streams.values()]
        with self.applying.database.transaction() as session:
            for topic, found in LogView(self.config).describe(topics).items():
                session.execute("UPDATE source_offset SET topic_id = %s WHERE topic = %s", (found.topic_id, topic))

    def forget(self, topic: str) -> None:
        """Let the topic hold records that are not stored."""
        self.applying.rows("UPDATE source_offset SET next_offset = 0 WHERE topic LIKE %s", f"%.{topic}")

    def begin(self, *, rehearsal: bool = False, **plan: float) -> int:
        return self.store.begin(replace(PLAN, **plan), rehearsal=rehearsal, version="test")

    def approve_when_asked(self) -> None:
        """A person who says yes at once."""
        at = self.store.active()
        if at is not None and at.step is CutoverStep.APPROVAL and at.approved_by is None:
            self.store.approve("Ada")

    def runner(self, reached: Reached = nothing) -> CutoverRunner:
        """One with the parts that the command has, but for gates of other sections."""
        database = self.applying.database
        looking = Looking(database, LogView(self.config))
        back = cutover_parts.way_back(database, self.applying.mapping_file)
        acts = cutover_parts.acts(database, looking, back, self.folder / "changes")
        return CutoverRunner(
            self.store,
            lambda at: self._gates(at, looking),
            self.hooks,
            replace(acts, each_look=self.at_look),
            stop=Event(),
            reached=reached,
            look_seconds=0.01,
        )

    def run(self, reached: Reached = nothing) -> Cutover:
        return self.runner(reached).run()

    def steps(self) -> list[tuple[str, str]]:
        """(step, ending) of the latest cut-over."""
        at = self.store.latest()
        assert at is not None
        return [(one.step.value, str(one.ending)) for one in self.store.steps(at.cutover_id)]

    def triggers(self) -> int:
        return int(
            self.applying.rows(
                "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = %s", self.applying.target
            )[0][0]
        )

    def states(self) -> set[str]:
        return {str(state) for (state,) in self.applying.rows("SELECT state FROM stream_state")}

    def _gates(self, at: Cutover, looking: Looking) -> Mapping[CutoverStep, Sequence[NamedGates]]:
        database = self.applying.database
        own = dict(cutover_parts.gates(at, database, looking, self.hooks, self.applying.mapping_file, Event()))
        own[CutoverStep.PREFLIGHT] = own[CutoverStep.PREFLIGHT][:1]  # `migration check` has tests of its own
        own[CutoverStep.LAST_LOOK] = own[CutoverStep.LAST_LOOK][:-1]  # nothing is verified here
        for step in (CutoverStep.VERIFY, CutoverStep.PLANS):
            own[step] = [("planted", lambda: [_OPEN])]
        for step, gate in self.planted.items():
            own[step] = [("planted", lambda gate=gate: [gate])]
        return own


@contextmanager
def cutting_over(servers: Servers, folder: Path) -> Iterator[CuttingOver]:
    """Everything fresh, and gone afterwards."""
    config = {"bootstrap.servers": servers.kafka_bootstrap}
    admin = TopicAdmin(config)
    log = folder / "hooks.log"
    hook = "sh -c " + shlex.quote(f'echo "$MIGRATION_HOOK $MIGRATION_TOKEN" >> {log}')
    with applying(servers, folder) as world:
        topics = [stream.topics[0] for stream in world.mapping.streams.values()]
        for topic in topics:
            admin.create(topic)
        try:
            hooks = Hooks(dict.fromkeys(_HOOK_STEPS, hook))
            night = CuttingOver(world, folder, config, CutoverStore(world.database), hooks, hooks)
            night.know_topics()
            yield night
        finally:
            for topic in topics:
                admin.delete(topic)


@contextmanager
def at_rest(servers: Servers, folder: Path) -> Iterator[CuttingOver]:
    """One for the tests of a module, with a person applied; each test begins with `reset`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        with cutting_over(servers, folder) as found:
            found.applying.put("people", [person("a", "Ada", ["1"])])
            found.applying.drain()
            yield found
