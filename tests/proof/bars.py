"""What `make proof-bars` proves, in parts that can be done one by one, each in a world of its own."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from examples.flights.scenario import Flights
from examples.health_devices.population import Sizes
from examples.health_devices.scenario import HealthDevices
from local_stack.folders import ROOT
from local_stack.servers import Servers
from tests.integration.applying import applying
from tests.integration.cutting_over import at_rest
from tests.integration.reloading import reloading
from tests.proof import corruptions, cutover_kills, redrive_kills, reload_kills, verify_kills
from tests.proof.loaded import loaded


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar, as it is proven."""

    servers: Servers
    folder: Path
    """Empty, for whatever it needs."""
    number: int
    """From 1."""
    count: int
    seed: int


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that must hold so many times."""

    name: str
    what: str
    count: int
    parts: int
    prove: Callable[[Part], Counter[str]]
    """{where or what: how often}; AssertionError says what does not hold."""


def _corruptions(part: Part) -> Counter[str]:
    example = HealthDevices(Sizes.of_users(2_000)) if part.number == 1 else Flights(ROOT / ".stack/cache", months=1)
    return corruptions.prove(part.servers, example, part.folder, count=part.count, seed=part.seed)


def _verify(part: Part) -> Counter[str]:
    with loaded(part.servers, HealthDevices(Sizes.of_users(1_000)), part.folder) as world:
        world.load(world.scenario.initial())
        return verify_kills.killed_and_resumed(world, part.folder, kills=part.count, seed=part.seed)


def _redrive(part: Part) -> Counter[str]:
    with applying(part.servers, part.folder) as world:
        return redrive_kills.killed_and_resumed(world, part.folder, kills=part.count, seed=part.seed)


def _reload(part: Part) -> Counter[str]:
    with reloading(part.servers, part.folder) as world:
        return reload_kills.killed_and_resumed(world, part.folder, kills=part.count, seed=part.seed)


def _cutover(part: Part) -> Counter[str]:
    with at_rest(part.servers, part.folder) as night:
        return cutover_kills.killed_and_resumed(night, kills=part.count, seed=part.seed)


BARS = (
    Bar("corruptions", "corruptions", 10_000, 2, _corruptions),
    Bar("verify", "kills", 50, 2, _verify),
    Bar("redrive", "kills", 50, 5, _redrive),
    Bar("reload", "kills", 50, 5, _reload),
    Bar("cutover", "kills", 50, 5, _cutover),
)
