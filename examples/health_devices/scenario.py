"""The example as the replay and the tests see it."""

from collections.abc import Iterator
from pathlib import Path

from examples.health_devices import logins, source
from examples.health_devices.envelopes import DEVICES, MEASUREMENTS, TOPIC_PREFIX, USERS
from examples.health_devices.model import HealthModel
from examples.health_devices.planted import planted_codes
from examples.health_devices.population import REGIONS, Dice, Sizes, user_id
from examples.scenario import Model, SourceRecord, Topic

_HERE = Path(__file__).parent
_KEPT = {
    # The records carry the dates of their story, which are long past: retention must not act on them.
    "retention.ms": "-1",
    "cleanup.policy": "delete",
    # One device's clock says 9999, and the platform let it.
    "message.timestamp.after.max.ms": str((1 << 63) - 1),
}


class HealthDevices:
    """Seeded: equal arguments give equal records, byte for byte."""

    name = "health_devices"
    mapping = _HERE / "migration.yaml"
    migrations = _HERE / "migrations"
    target_schema = "health_devices"
    fuzzy = True

    def __init__(self, sizes: Sizes | None = None, *, seed: int = 1) -> None:
        self.sizes = sizes or Sizes()
        self.live_changes = self.sizes.changes
        self._dice = Dice(seed)
        self.topics = tuple(
            Topic(TOPIC_PREFIX + stream, len(REGIONS), _KEPT) for stream in (USERS, DEVICES, MEASUREMENTS)
        )

    def initial(self) -> Iterator[SourceRecord]:
        return source.initial(self._dice, self.sizes)

    def live(self) -> Iterator[SourceRecord]:
        return source.live(self._dice, self.sizes)

    def model(self, work_dir: Path) -> Model:
        return HealthModel(
            work_dir / "health_devices.sqlite",
            planted=planted_codes(self._dice, self.sizes),
            rivals=[(user_id(one), user_id(other)) for one, other in logins.rivals()],
            topics={TOPIC_PREFIX + stream: stream for stream in (USERS, DEVICES, MEASUREMENTS)},
        )


def scenario(users: int | None = None, *, seed: int = 1) -> HealthDevices:
    """What the replay loads by name; `users` scales everything."""
    return HealthDevices(None if users is None else Sizes.of_users(users), seed=seed)
