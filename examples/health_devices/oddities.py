"""Records that look wrong and are right: each must be accepted, and end up exactly as it was sent."""

from collections.abc import Iterator

from examples.health_devices import documents, envelopes
from examples.health_devices.envelopes import encode
from examples.health_devices.population import REGIONS, Dice, Sizes, device_owner
from examples.scenario import SourceRecord

_ODD = 97_000_000
FAR_FUTURE = 253_402_300_799_000
"""31 December 9999: a device whose clock was wrong."""


def odd_images(dice: Dice, sizes: Sizes) -> Iterator[SourceRecord]:
    """Before the start."""
    yield from _odd_users(dice, 0)
    yield from _odd_measurements(dice, sizes, 0)


def odd_changes(dice: Dice, sizes: Sizes) -> Iterator[SourceRecord]:
    """Among the live changes: the same again, and what only a log can hold."""
    change = sizes.changes
    yield from _odd_users(dice, change)
    yield from _odd_measurements(dice, sizes, change)
    yield envelopes.user_tombstone(_ODD + 1000, change)  # of a user whom nobody ever saw
    yield from _born_again(dice, change)
    index = _ODD + 1
    yield from envelopes.device_deletion(index, device_owner(index) % sizes.users % 5, change)
    unseen = documents.device(dice, _ODD + 2, change, sizes.users)
    yield envelopes.device_image(unseen, "u", change)  # an update, though no create was published
    yield envelopes.device_image(unseen, "u", change)  # and once more, as a producer's retry does


def _odd_users(dice: Dice, change: int) -> Iterator[SourceRecord]:
    for place, name in enumerate(("a", "A", "á", "a\u0301", "a ", "\uff17", "7", "\u0667", "ß", "ss", "K", "\u212a")):
        # Case, accent, composition, width, blank: under the default collation these twelve would be six.
        document = documents.user(dice, _ODD + 5 * place, change) | {"userID": f"{REGIONS[0]}-odd-{name}"}
        yield envelopes.user_image(document, change)
    good = documents.user(dice, _ODD + 100, change)
    image = envelopes.user_image(good, change)
    yield image._replace(value=b"\xef\xbb\xbf" + encode(good))  # a byte-order mark
    spaced = envelopes.user_image(documents.user(dice, _ODD + 101, change), change)
    yield spaced._replace(key=(spaced.key or b"").replace(b":", b" : "))  # the same key, written otherwise
    names = {
        "displayName": "e\u0301 is not \u00e9 \U0001f469\u200d\U0001f467 \u202e\u05de\u05d9\u05de\u05df",
        "birthDate": None,
        "heightCm": None,
        "language": None,
    }
    document = documents.user(dice, _ODD + 102, change)
    yield envelopes.user_image(document | {"profile": names, "unheardOf": {"deep": [1, {"er": None}]}}, change)
    yield envelopes.user_image(documents.user(dice, _ODD + 103, change) | {"consents": []}, change)


def _odd_measurements(dice: Dice, sizes: Sizes, change: int) -> Iterator[SourceRecord]:
    for place, raw in enumerate((b"-0.0", b"0", b"999999.999", b"-999999.999", b"1.5e2", b"12.500")):
        index = _ODD + place
        document = documents.measurement(dice, index, index % sizes.devices, change) | {"value": "mark"}
        image = envelopes.measurement_image(document, change)
        yield image._replace(value=(image.value or b"").replace(b'"mark"', raw))
    late = documents.measurement(dice, _ODD + 50, (_ODD + 50) % sizes.devices, change)
    yield envelopes.measurement_image(late, change)._replace(time=FAR_FUTURE)


def _born_again(dice: Dice, change: int) -> Iterator[SourceRecord]:
    index = _ODD + 104
    yield envelopes.user_image(documents.user(dice, index, change), change)
    yield envelopes.user_tombstone(index, change)
    yield envelopes.user_image(documents.user(dice, index, change) | {"emailVerified": None}, change)
