"""What happens on the platform while the migration runs: change number n is the same whenever it is asked for."""

from collections.abc import Iterator
from typing import NamedTuple

from examples.health_devices import documents, envelopes
from examples.health_devices.envelopes import DEVICES, MEASUREMENTS, USERS
from examples.health_devices.population import Dice, Sizes, device_owner, measurement_id
from examples.scenario import SourceRecord

_HOT = 40
"""So many entities of each kind get a fifth of the changes, as a few people always do."""


class Operation(NamedTuple):
    """One change of one entity."""

    stream: str
    action: str
    entity: int
    number: int


def operations(dice: Dice, sizes: Sizes) -> Iterator[Operation]:
    """All live changes, in order."""
    for number in range(1, sizes.changes + 1):
        yield operation(dice, sizes, number)


def operation(dice: Dice, sizes: Sizes, number: int) -> Operation:
    """Half of the changes are measurements; 30 % insert, 55 % update, 15 % delete (and may come back to life later)."""
    bits = dice.draw(b"operation", number)
    stream, present = (
        (USERS, sizes.users),
        (DEVICES, sizes.devices),
        (MEASUREMENTS, sizes.measurements),
        (MEASUREMENTS, sizes.measurements),
    )[bits & 3]
    chance = (bits >> 2) % 100
    if chance < 30:  # noqa: PLR2004 - the shares that the docstring names
        return Operation(stream, "insert", present + number, number)
    target = (bits >> 20) % present
    if (bits >> 80) % 5 == 0:
        target %= _HOT
    return Operation(stream, "update" if chance < 85 else "delete", target, number)  # noqa: PLR2004 - as above


def records(dice: Dice, sizes: Sizes, change: Operation) -> list[SourceRecord]:
    """What the platform publishes for one change; a Debezium delete is two records."""
    match change:
        case Operation("users", "delete", index, number):
            return [envelopes.user_tombstone(index, number)]
        case Operation("users", _, index, number):
            return [envelopes.user_image(documents.user(dice, index, number), number)]
        case Operation("devices", "delete", index, number):
            return envelopes.device_deletion(index, device_owner(index) % sizes.users % 5, number)
        case Operation("devices", action, index, number):
            document = documents.device(dice, index, number, sizes.users)
            return [envelopes.device_image(document, "c" if action == "insert" else "u", number)]
        case Operation(_, "delete", index, number):
            return [envelopes.measurement_removal(measurement_id(index, index % sizes.devices), number)]
        case Operation(_, _, index, number):
            document = documents.measurement(dice, index, index % sizes.devices, number)
            return [envelopes.measurement_image(document, number)]


def first_images(dice: Dice, sizes: Sizes, stream: str) -> Iterator[SourceRecord]:
    """What one topic holds before anything changes."""
    match stream:
        case "users":
            yield from (envelopes.user_image(documents.user(dice, index)) for index in range(sizes.users))
        case "devices":
            for index in range(sizes.devices):
                yield envelopes.device_image(documents.device(dice, index, 0, sizes.users), "r")
        case _:
            for index in range(sizes.measurements):
                yield envelopes.measurement_image(documents.measurement(dice, index, index % sizes.devices))
