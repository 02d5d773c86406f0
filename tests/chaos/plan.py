"""What goes wrong in one round, and in which order: all of it drawn from a seed, so that it can be drawn again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from migration_core.steps import Step
from tests.chaos.failpoints import NEVER_FAILS, Failpoint

LOADER, MASTER, WORKER, VERIFIER = "snapshot_loader", "migration_master", "migration_worker", "migration_verifier"
SERVERS = ("mysql", "kafka", "sqs")
ROLES = (LOADER, MASTER, WORKER, VERIFIER, *SERVERS)
STEPS: Mapping[str, tuple[Step, ...]] = {
    role: tuple(step for step in Step if step.startswith(prefixes))
    for role, prefixes in {
        LOADER: ("loader.",),
        MASTER: ("master.",),
        WORKER: ("worker.", "sweeper."),
        VERIFIER: ("audit.",),
    }.items()
}
"""The steps that a round's programs pass; those of commands are for the proofs of these commands."""
_PASSES = (1, 1, 1, 2, 3, 5)
LINKS: Mapping[str, int] = {
    "mysql statement errors": 3,
    "mysql commits cut": 3,
    "mysql refuses sessions": 2,
    "mysql slow": 2,
    "mysql silent": 2,
    "mysql cut": 2,
    "mysql reset": 0,
    "mysql half open": 0,
    "kafka slow": 2,
    "kafka silent": 2,
    "kafka cut": 2,
    "kafka reset": 0,
    "kafka refused": 2,
    "sqs lies": 4,
    "sqs away": 3,
    "sqs silent": 2,
}
"""{what can be wrong with the way to a server: for how many ticks}."""

Fate = Failpoint | None


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done to the run from outside, `what` it is done to, and for how many ticks where it lasts."""

    name: str
    what: str = ""
    ticks: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How much goes wrong in a round, and among how many records."""

    users: int = 2200
    ticks: int = 28
    fates: tuple[tuple[str, int], ...] = ((LOADER, 6), (MASTER, 5), (WORKER, 8), (VERIFIER, 4))
    """Failpoints of each role."""
    acts: tuple[tuple[Act, int], ...] = (
        (Act("kill", MASTER), 5),
        (Act("kill", WORKER), 8),
        (Act("kill", VERIFIER), 4),
        (Act("kill server", "mysql"), 3),
        (Act("kill server", "kafka"), 3),
        (Act("kill server", "sqs"), 3),
        (Act("pause", MASTER), 1),
        (Act("pause", WORKER), 1),
        (Act("terminate", WORKER), 1),
        (Act("terminate", MASTER), 1),
        (Act("second master"), 1),
        (Act("purge"), 2),
        (Act("kill session"), 4),
        *((Act("link", name, ticks), 1) for name, ticks in LINKS.items()),
    )
    """And how often each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A round."""

    seed: int
    size: Size
    fates: Mapping[str, tuple[Fate, ...]]
    """For each role, of the processes that will be started, in turn; later ones are spared."""
    ticks: tuple[tuple[Act, ...], ...]


def plan_of(seed: int, size: Size) -> Plan:
    """The round of this seed. Pure."""
    dice = Random(seed)
    fates = {role: tuple(_fates(dice, STEPS[role], count, spares=role == WORKER)) for role, count in size.fates}
    ticks: list[list[Act]] = [[] for _ in range(size.ticks)]
    for act, count in size.acts:
        for _ in range(count):
            dice.choice(ticks).append(act)
    for acts in ticks:
        dice.shuffle(acts)
    return Plan(seed, size, fates, tuple(map(tuple, ticks)))


def _fates(dice: Random, steps: Sequence[Step], count: int, *, spares: bool) -> Iterator[Fate]:
    """Steps are dealt like cards, so that rare ones get their share.

    Of workers every third one is left alone: rows at which each of them dies are rejected as poison, and these are
    innocent.
    """
    cards: list[Step] = []
    for number in range(count):
        cards = cards or dice.sample(steps, len(steps))
        step, act = cards.pop(), dice.choices(("kill", "raise", "stop"), weights=(8, 1, 1))[0]
        yield Failpoint(step, dice.choice(_PASSES), "kill" if act == "raise" and step in NEVER_FAILS else act)
        if spares and number % 2:
            yield None
