"""Keeps the programs of a run alive, while it does to them what the plan of the round says."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from db.engine import LANE_SECONDS
from db.failure import SqlError
from db.ledger import ledger
from migration_core.errors import Transient
from replay.children import Child
from runtime.failpoints import VARIABLE
from tests.chaos.links import Links
from tests.chaos.plan import MASTER, SERVERS, VERIFIER, Act, Fate, Plan
from tests.chaos.server_faults import ServerFaults
from tests.integration.migrating import KILLED, Migrating

RANDOM_MOMENT = "random moment"
_WORKERS = 2
_LOOK_SECONDS = 0.05
_LEDGER_SECONDS = 0.25
_LONGEST_TICK_SECONDS = 2.5
_MOMENT_SECONDS = 0.4
_LONG_PAUSE_SECONDS = LANE_SECONDS + 2.0
"""The server has ended the sessions of a process that comes back after it."""
_STOPPED = "T"


@dataclass
class Supervisor:
    """One round's programs; `servers` and `links` are None where the run shares its servers with others."""

    world: Migrating
    plan: Plan
    pause_seconds: float
    """How long a paused process stays away: longer than the visibility of its messages."""
    servers: ServerFaults | None = None
    links: Links | None = None
    did: Counter[str] = field(default_factory=Counter)
    """{what was done to the run from outside: how often}."""
    _fates: dict[str, Iterator[Fate]] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)
    """{name of a stopped process: when it goes on}."""
    _ends: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    """(tick, what ends a fault then)."""

    def __post_init__(self) -> None:
        self._dice = Random(self.plan.seed)
        self._fates = {role: iter(fates) for role, fates in self.plan.fates.items()}
        self.world.fate = self._fate

    def play(self) -> None:
        """From the first program to the last fault; everything is whole again when this returns."""
        world, plan = self.world, self.plan
        writer = world.begin_writing(0, share=0)
        world.start_services(workers=_WORKERS)
        world.start("verifier-1", VERIFIER)
        for tick, acts in enumerate(plan.ticks):
            self._end(tick)
            writer.allow((tick + 1) / len(plan.ticks))
            for act in acts:
                self.did[f"{act.name} {act.what}".strip()] += 1
                self._do(act, tick)
            self._spend(_LONGEST_TICK_SECONDS)
        self.calm()

    def calm(self) -> None:
        """End every fault, and wait until the servers answer."""
        self._end(len(self.plan.ticks))
        if self.links is not None:
            self.links.clear()
        if self.servers is not None:
            self.servers.whole(self.tend)
        self.world.database.close()  # sessions with a server that was killed; the next look opens others
        self.world.fate = lambda _module: {}
        while self._paused:
            self.tend()
            time.sleep(_LOOK_SECONDS)

    def tend(self) -> None:
        """Wake who has slept enough, and start again who has died."""
        for child in self.world.children.running:
            if child.name not in self._paused and _state(child) == _STOPPED:
                self._paused[child.name] = time.monotonic() + self.pause_seconds
        for name in [name for name, when in self._paused.items() if when <= time.monotonic()]:
            self._go_on(name)
        self.world.revive()

    def kills(self) -> Counter[tuple[str, str]]:
        """{(role, the step or RANDOM_MOMENT): kill -9}."""
        found = Counter(
            (one.module, one.failpoint.partition(":")[0] or RANDOM_MOMENT)
            for one in self.world.ended
            if one.code == KILLED
        )
        found.update({(name, RANDOM_MOMENT): self.did[f"kill server {name}"] for name in SERVERS})
        return +found

    # Faults

    def _fate(self, role: str) -> dict[str, str]:
        fate = next(self._fates.get(role, iter(())), None)
        return {VARIABLE: f"{fate.step}:{fate.passing}:{fate.act}"} if fate else {}

    def _do(self, act: Act, tick: int) -> None:
        match act.name:
            case "kill":
                self._at_a_moment(act.what, self._kill)
            case "pause":
                self._at_a_moment(act.what, self._pause)
            case "terminate":
                self._at_a_moment(act.what, self._terminate)
            case "second master":
                self._second_master()
            case "purge":
                with suppress(Exception):  # the service may be away, and a queue that is gone is purged
                    self.world.queue.purge_queue(QueueUrl=self.world.queue_url)
            case "kill session":
                self._kill_session()
            case "kill server" | "restart server" if self.servers is not None:
                self.servers.restart(act.what, kill=act.name == "kill server")
            case "link" if self.links is not None:
                self._ends.append((tick + act.ticks, self.links.begin(act.what, self._dice.randrange(1 << 30))))
            case _:
                raise ValueError(f"{act} cannot be done to this run")

    def _at_a_moment(self, role: str, done: Callable[[Child], None]) -> None:
        """Whoever plays this role then; nobody where it is just being started."""
        self._spend(self._dice.uniform(0, _MOMENT_SECONDS), least=0)
        chosen = [
            child
            for child in self.world.children.running
            if self.world.module_of(child) == role and child.process.poll() is None
        ]
        if chosen:
            done(self._dice.choice(chosen))

    def _kill(self, child: Child) -> None:
        self._paused.pop(child.name, None)
        self.world.fates[child.name] = ""  # whatever it was told to die of
        child.process.kill()
        child.process.wait()

    def _pause(self, child: Child) -> None:
        if child.process.poll() is None:
            seconds = self._dice.choices((self.pause_seconds, _LONG_PAUSE_SECONDS), weights=(5, 1))[0]
            self._paused[child.name] = time.monotonic() + seconds
            child.process.send_signal(signal.SIGSTOP)

    def _terminate(self, child: Child) -> None:
        if child.process.poll() is None:
            self.world.asked.add(child.name)
            child.process.send_signal(signal.SIGTERM)

    def _second_master(self) -> None:
        """It takes over, and the first one leaves for good."""
        for child in self.world.children.running:
            if self.world.module_of(child) == MASTER:
                self.world.replaced.add(child.name)
        self.world.start(f"second-{self.did['second master']}", MASTER)

    def _kill_session(self) -> None:
        with suppress(SqlError), self.world.database.transaction() as session:  # or it has ended by itself meanwhile
            rows = session.rows(
                "SELECT id FROM performance_schema.processlist WHERE db = %s AND id <> CONNECTION_ID() ORDER BY id",
                (self.world.database.schema,),
            )
            if rows:
                session.execute(f"KILL {self._dice.choice(rows)[0]}")

    # Time

    def _spend(self, longest: float, *, least: float = 0.3) -> None:
        """Until what was written is applied, or `longest`."""
        now = time.monotonic()
        over, early = now + longest, now + least
        while (now := time.monotonic()) < over:
            if now > early:
                if not self._behind():
                    return
                early = now + _LEDGER_SECONDS
            self.tend()
            time.sleep(_LOOK_SECONDS)

    def _behind(self) -> bool:
        try:
            return any(one.pending for one in ledger(self.world.database))
        except Transient:
            return True

    def _end(self, tick: int) -> None:
        for due, end in [one for one in self._ends if one[0] <= tick]:
            end()
            self._ends.remove((due, end))

    def _go_on(self, name: str) -> None:
        self._paused.pop(name)
        for child in self.world.children.running:
            if child.name == name and child.process.poll() is None:
                child.process.send_signal(signal.SIGCONT)


def _state(child: Child) -> str:
    with suppress(OSError):
        return Path(f"/proc/{child.process.pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][:1]
    return ""
