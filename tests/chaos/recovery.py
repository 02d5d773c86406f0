"""How long it takes after a fault until all goes on as before, while the platform writes at a steady rate."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from examples.health_devices.population import Sizes
from examples.health_devices.scenario import HealthDevices
from local_stack.own import Stack
from local_stack.servers import Servers
from migration_core.steps import Step
from runtime.failpoints import VARIABLE
from tests.chaos.links import Links, links_to
from tests.chaos.oracle import deviations
from tests.chaos.pulse import Pulse
from tests.integration.migrating import MASTER, WORKER, Migrating, migrating

RATE = 200
"""Records a second."""
_SIZES = Sizes(users=500, devices=1000, measurements=3500, changes=1_000_000)
_AWAY_SECONDS = 3.0
_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 90.0
_DIES_AT = (Step.WORKER_LOCKED, Step.WORKER_WRITTEN, Step.WORKER_COMMITTED)


@dataclass(frozen=True, slots=True)
class Recovery:
    """After one fault, in seconds from its end."""

    fault: str
    full_rate: float
    """Until as many records are applied in half a second as are written in it."""
    caught_up: float
    """Until no more records wait than before the fault."""
    stood_still: float
    """For how long the lane that was hit worst had work and nobody who did it."""


@dataclass
class _Scene:
    world: Migrating
    pulse: Pulse
    stack: Stack
    links: Links
    dice: Random

    def worker_killed(self) -> float:
        """In the middle of its work, with messages in flight that nobody gives back."""
        step = self.dice.choice(_DIES_AT)
        before = len(self.world.ended)
        self.world.fate = lambda module: (
            {VARIABLE: f"{step}:{self.dice.randint(3, 30)}:kill"} if module == WORKER else {}
        )
        victim = next(child for child in self.world.children.running if self.world.module_of(child) == WORKER)
        victim.process.kill()  # its successor is the one that dies of the failpoint
        self.until(lambda: len(self.world.ended) > before)
        self.world.fate = lambda _module: {}
        self.until(lambda: len(self.world.ended) > before + 1)
        return time.monotonic()

    def master_killed(self) -> float:
        victim = next(child for child in self.world.children.running if self.world.module_of(child) == MASTER)
        victim.process.kill()
        return time.monotonic()

    def server_killed(self, name: str) -> float:
        self.stack.kill(name)
        over = time.monotonic() + _AWAY_SECONDS / 3
        self.until(lambda: time.monotonic() > over)
        self.stack.start(name)
        if name == "sqs":
            self.world.make_queue()
        return time.monotonic()

    def link(self, name: str) -> float:
        end = self.links.begin(name, self.dice.randrange(1 << 30))
        over = time.monotonic() + _AWAY_SECONDS
        self.until(lambda: time.monotonic() > over)
        end()
        return time.monotonic()

    def until(self, condition: Callable[[], bool]) -> None:
        over = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > over:
                raise TimeoutError(f"not within {_PATIENCE_SECONDS:.0f} s; {self.pulse.last()}")
            self.world.revive()
            time.sleep(_LOOK_SECONDS)


FAULTS: Mapping[str, Callable[[_Scene], float]] = {
    "kill -9 of a worker in mid-work": _Scene.worker_killed,
    "kill -9 of the master": _Scene.master_killed,
    "kill -9 of MySQL": lambda scene: scene.server_killed("mysql"),
    "kill -9 of the broker": lambda scene: scene.server_killed("kafka"),
    "kill -9 of SQS, memory lost": lambda scene: scene.server_killed("sqs"),
    "MySQL silent for 3 s": lambda scene: scene.link("mysql silent"),
    "MySQL connections reset": lambda scene: scene.link("mysql reset"),
    "errors at 2 % of statements for 3 s": lambda scene: scene.link("mysql statement errors"),
    "Kafka silent for 3 s": lambda scene: scene.link("kafka silent"),
    "SQS away for 3 s": lambda scene: scene.link("sqs away"),
    "SQS silent for 3 s": lambda scene: scene.link("sqs silent"),
    "SQS lies for 3 s": lambda scene: scene.link("sqs lies"),
}
WORKER_FAULT = "kill -9 of a worker in mid-work"
WORKER_SHARE = 3
"""A worker is killed so many times as often as anything else: its bar is a maximum."""


def measure(
    servers: Servers,
    stack: Stack,
    folder: Path,
    *,
    repeats: int,
    rate: int,
    seed: int,
    told: Callable[[Recovery], None],
) -> tuple[dict[str, list[Recovery]], list[str]]:
    """{fault: what each of its repetitions took}, and what did not hold in the end; messages are away for 30 s."""
    found: dict[str, list[Recovery]] = defaultdict(list)
    turns = [name for name in FAULTS for _ in range(repeats * (WORKER_SHARE if name == WORKER_FAULT else 1))]
    dice = Random(seed)
    dice.shuffle(turns)
    with migrating(servers, HealthDevices(_SIZES, seed=seed), folder) as world, ExitStack() as opened:
        links = opened.enter_context(links_to(servers))
        world.publish_initial()
        world.begin_without_snapshot()
        world.environment.update(links.addresses(world.url))
        world.start_services(workers=2)
        world.until(lambda: world.stored() >= world.written, "everything initial stored")
        world.config["reconnect.backoff.max.ms"] = "200"  # of the writer, which is not what is measured
        writer = world.begin_writing(_SIZES.changes / rate)
        scene = _Scene(world, opened.enter_context(Pulse(world, writer, rate)), stack, links, dice)
        for name in turns:
            one = _recovery(scene, name)
            found[name].append(one)
            told(one)
        writer.stop()
        return dict(found), [str(one) for one in deviations(world.finish())]


def _recovery(scene: _Scene, name: str) -> Recovery:
    pulse = scene.pulse
    scene.until(pulse.steady)
    before = pulse.last().waiting
    end = FAULTS[name](scene)
    scene.until(lambda: pulse.full_rate_since(end) is not None)
    scene.until(lambda: pulse.caught_up_since(end, before) is not None)
    full, caught_up = pulse.full_rate_since(end), pulse.caught_up_since(end, before)
    return Recovery(name, round(full, 2), round(caught_up, 2), round(pulse.stood_still_since(end), 2))
