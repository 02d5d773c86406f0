"""Where the bad records are: each cause before and after the start, on an entity of its own and on an ordinary one."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from examples.health_devices import documents, envelopes
from examples.health_devices.causes import CAUSES, Cause
from examples.health_devices.envelopes import DEVICES, MEASUREMENTS, USERS
from examples.health_devices.population import Dice, Sizes
from examples.scenario import SourceRecord

FRESH = 90_000_000
"""Entities from this index on exist only to be spoiled: no good record ever names them."""


class Plant(NamedTuple):
    """One bad record, and the ordinary index (initial) or the change number (live) that it follows."""

    after: int
    cause: Cause
    record: SourceRecord


def initial_plants(dice: Dice, sizes: Sizes, stream: str) -> list[Plant]:
    """The bad records of one topic before the start, spread evenly; every second one hits the entity just published."""
    causes = [cause for cause in CAUSES if cause.stream == stream]
    present = {USERS: sizes.users, DEVICES: sizes.devices, MEASUREMENTS: sizes.measurements}[stream]
    plants = []
    for place, cause in enumerate(twice(causes)):
        after = (place + 1) * present // (2 * len(causes) + 1)
        index = after if place % 2 and after < present else FRESH + place
        plants.append(Plant(after, cause, cause.spoil(good_record(dice, sizes, stream, index, 0))))
    return plants


def live_plants(dice: Dice, sizes: Sizes) -> list[Plant]:
    """The bad records among the live changes: their entity keeps its last good image."""
    plants = []
    for place, cause in enumerate(twice(CAUSES)):
        after = (place + 1) * sizes.changes // (2 * len(CAUSES) + 1)
        ordinary = dice.draw(b"plant", place) % min(sizes.users, sizes.devices, sizes.measurements)
        index = ordinary if place % 2 else FRESH + 1_000_000 + place
        # A number of its own: no ordinary change of this entity looks the same.
        change = sizes.changes + 1 + place
        plants.append(Plant(after, cause, cause.spoil(good_record(dice, sizes, cause.stream, index, change))))
    return plants


def planted_codes(dice: Dice, sizes: Sizes) -> dict[tuple[str, bytes | None, bytes | None], str]:
    """The code of every bad record by (topic, key, value): how the model recognises them."""
    before = (plant for stream in (USERS, DEVICES, MEASUREMENTS) for plant in initial_plants(dice, sizes, stream))
    everything = [*before, *live_plants(dice, sizes)]
    return {(plant.record.topic, plant.record.key, plant.record.value): plant.cause.code for plant in everything}


def twice(causes: Iterable[Cause]) -> Iterator[Cause]:
    for cause in causes:
        yield cause
        yield cause


def good_record(dice: Dice, sizes: Sizes, stream: str, index: int, change: int) -> SourceRecord:
    """What the entity would have published, had nothing spoiled it."""
    match stream:
        case "users":
            return envelopes.user_image(documents.user(dice, index, change), change)
        case "devices":
            document = documents.device(dice, index, change, sizes.users)
            return envelopes.device_image(document, "u" if change else "r", change)
        case _:
            document = documents.measurement(dice, index, index % sizes.devices, change)
            return envelopes.measurement_image(document, change)
