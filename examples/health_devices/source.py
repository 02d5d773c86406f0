"""The legacy platform: everything it has published before the migration, and everything it publishes during it."""

from collections.abc import Iterable, Iterator
from itertools import chain

from examples.health_devices import logins, oddities
from examples.health_devices.envelopes import DEVICES, MEASUREMENTS, USERS
from examples.health_devices.operations import first_images, operations, records
from examples.health_devices.planted import initial_plants, live_plants
from examples.health_devices.population import Dice, Sizes
from examples.scenario import SourceRecord


def initial(dice: Dice, sizes: Sizes) -> Iterator[SourceRecord]:
    """All records before the start, topic by topic; never more than one entity in memory."""
    for stream in (USERS, DEVICES, MEASUREMENTS):
        plants = [(plant.after, plant.record) for plant in initial_plants(dice, sizes, stream)]
        yield from _mixed(([image] for image in first_images(dice, sizes, stream)), plants)
    yield from logins.rival_images(dice)
    yield from logins.handover_images(dice)
    yield from oddities.odd_images(dice, sizes)


def live(dice: Dice, sizes: Sizes) -> Iterator[SourceRecord]:
    """All live changes in order, with the bad and the odd records among them."""
    planted = [(plant.after, plant.record) for plant in live_plants(dice, sizes)]
    odd = [(sizes.changes // 2, record) for record in oddities.odd_changes(dice, sizes)]
    extra = sorted([*planted, *odd, *logins.handover_changes(dice, sizes)], key=lambda placed: placed[0])
    return _mixed((records(dice, sizes, change) for change in operations(dice, sizes)), extra)


def _mixed(groups: Iterable[list[SourceRecord]], placed: list[tuple[int, SourceRecord]]) -> Iterator[SourceRecord]:
    """The groups in order, with each placed record after the group of its number."""
    waiting = chain(placed, [(-1, None)])
    after, extra = next(waiting)
    for number, group in enumerate(groups):
        yield from group
        while extra is not None and after <= number:
            yield extra
            after, extra = next(waiting)
    while extra is not None:
        yield extra
        after, extra = next(waiting)
