"""One round: a migration from its snapshot to its last record while a plan goes wrong, and the oracle's verdict."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from examples.health_devices.scenario import scenario
from local_stack.own import Stack
from local_stack.servers import Servers
from tests.chaos.links import links_to
from tests.chaos.oracle import deviations
from tests.chaos.plan import LOADER, Plan
from tests.chaos.server_faults import ServerFaults
from tests.chaos.supervisor import Supervisor
from tests.integration.migrating import migrating

VISIBILITY = timedelta(seconds=2)
_PAUSE_SECONDS = 3.0
_PART_ROWS, _CHUNK_ROWS = 1500, 300
_PATIENCE_SECONDS = 240.0
_SLOWEST_PER_SECOND = 50.0


@dataclass
class Tally:
    """What a round has done, and what did not hold after it."""

    seed: int
    records: int = 0
    seconds: float = 0.0
    kills: dict[str, dict[str, int]] = field(default_factory=dict)
    """{role: {step or random moment: kill -9}}."""
    faults: dict[str, int] = field(default_factory=dict)
    """{what was done from outside: how often}."""
    deviations: list[str] = field(default_factory=list)


def play(
    servers: Servers,
    plan: Plan,
    folder: Path,
    *,
    stack: Stack | None = None,
    linked: bool = False,
    told: Callable[[str], None] = lambda _text: None,
) -> Tally:
    """Of the servers that `stack` holds, or of shared ones that nobody kills; through proxies where `linked`."""
    began = time.monotonic()
    example = scenario(plan.size.users, seed=plan.seed)
    with migrating(servers, example, folder, visibility=VISIBILITY) as world, ExitStack() as opened:
        world.publish_initial()
        world.take_snapshot("--part-rows", str(_PART_ROWS))
        links = opened.enter_context(links_to(servers)) if linked else None
        if links is not None:
            world.environment.update(links.addresses(world.url))
        world.arguments[LOADER] = ("--chunk-rows", str(_CHUNK_ROWS))
        server_faults = ServerFaults(stack, world) if stack is not None else None
        if server_faults is not None:
            opened.callback(server_faults.close)
        supervisor = Supervisor(world, plan, _PAUSE_SECONDS, server_faults, links)
        told(f"{world.written:,} records in a snapshot; the faults begin, over {len(plan.ticks)} ticks")
        supervisor.play()
        told(f"{supervisor.kills().total()} kills; the faults are over, the rest is applied")
        run = world.finish(patience=_PATIENCE_SECONDS + plan.size.users / _SLOWEST_PER_SECOND)
        told("asking the oracle")
        found = deviations(run)
        tally = Tally(plan.seed, records=world.stored(), deviations=[str(one) for one in found])
    tally.seconds = round(time.monotonic() - began, 1)
    for (role, where), count in sorted(supervisor.kills().items()):
        tally.kills.setdefault(role, {})[where] = count
    tally.faults = dict(sorted(Counter(supervisor.did).items()))
    return tally
