"""Users whose logins meet: a few pass one on, and a few claim the same one, which no unique index can allow."""

from collections.abc import Iterator
from itertools import count
from zlib import crc32

from examples.health_devices import documents, envelopes
from examples.health_devices.documents import Document
from examples.health_devices.population import Dice, Sizes, user_id
from examples.scenario import SourceRecord

PAIRS = 3
_RIVALS = 93_000_000
_HANDOVERS = 95_000_000
_SAME_LANE = 4096
"""Rivals agree in this many lanes, so in every smaller power of two: then file order says who comes first."""


def rivals() -> Iterator[tuple[int, int]]:
    """Pairs of one region and one lane that claim the same login: the second one to be applied must be rejected."""
    for pair in range(PAIRS):
        first = _RIVALS + 100_000 * pair
        yield first, next(index for index in count(first + 5, 5) if _lane(index) == _lane(first))


def rival_images(dice: Dice) -> Iterator[SourceRecord]:
    """Published once, before the start, and never again."""
    for pair, both in enumerate(rivals()):
        for index in both:
            yield envelopes.user_image(_with_login(dice, index, 0, f"rival.{pair}@mail.example"))


def handover_images(dice: Dice) -> Iterator[SourceRecord]:
    """Before the start: the giver holds the login, the taker another."""
    for pair in range(PAIRS):
        giver, taker = _handover(pair)
        yield envelopes.user_image(_with_login(dice, giver, 0, f"shared.{pair}@mail.example"))
        yield envelopes.user_image(documents.user(dice, taker))


def handover_changes(dice: Dice, sizes: Sizes) -> list[tuple[int, SourceRecord]]:
    """(after change, record): the giver lets the login go early, the taker takes it late, from another lane."""
    changes = []
    for pair in range(PAIRS):
        giver, taker = _handover(pair)
        release, claim = sizes.changes // 4 + pair, sizes.changes * 3 // 4 + pair
        given = _with_login(dice, giver, release, f"given.{pair}@mail.example")
        taken = _with_login(dice, taker, claim, f"shared.{pair}@mail.example")
        changes += [(release, envelopes.user_image(given, release)), (claim, envelopes.user_image(taken, claim))]
    return changes


def _handover(pair: int) -> tuple[int, int]:
    """One region: the snapshot then sees both sides at the same place of one partition."""
    return _HANDOVERS + 10 * pair, _HANDOVERS + 10 * pair + 5


def _with_login(dice: Dice, index: int, change: int, login: str) -> Document:
    return documents.user(dice, index, change) | {"loginName": login}


def _lane(index: int) -> int:
    return crc32(f'["{user_id(index)}"]'.encode()) % _SAME_LANE
