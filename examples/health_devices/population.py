"""Who exists: how many of each, their ids and their region, all computed from an index."""

from dataclasses import dataclass
from hashlib import blake2b

REGIONS = ("us", "jp", "cn", "sg", "eu")
"""One partition a region, as the platform kept them; the index of a region is its partition."""

FIRST_DEVICE = 10_000_000_000
"""Past 32 bits: whoever takes device ids for an INT finds out at the first record."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the source holds, and how many changes follow."""

    users: int = 20_000
    devices: int = 40_000
    measurements: int = 140_000
    changes: int = 60_000

    @classmethod
    def of_users(cls, users: int) -> "Sizes":
        """The usual proportions for any number of users."""
        return cls(users, 2 * users, 7 * users, 3 * users)


class Dice:
    """Chance that depends on nothing but the seed and what is asked, so that any record can be made again alone."""

    def __init__(self, seed: int) -> None:
        self._seed = str(seed).encode()

    def draw(self, kind: bytes, index: int, change: int = 0) -> int:
        """192 random bits for one entity at one change."""
        return int.from_bytes(self.draw_bytes(kind, index, change), "big")

    def draw_bytes(self, kind: bytes, index: int, change: int = 0) -> bytes:
        """The same bits as 24 bytes."""
        return blake2b(b"%b:%d:%d" % (kind, index, change), digest_size=24, key=self._seed).digest()


def user_id(index: int) -> str:
    return f"{REGIONS[index % 5]}-{index:08d}"


def device_id(index: int) -> int:
    return FIRST_DEVICE + index


def device_owner(index: int) -> int:
    """The index of the user who owns a device: two devices each."""
    return index // 2


def measurement_id(index: int, device: int) -> str:
    return f"{REGIONS[device_owner(device) % 5]}-m{index:010d}"
