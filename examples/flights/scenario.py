"""The example as the replay and the tests see it."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from examples.flights.model import FlightsModel
from examples.flights.package import fetch
from examples.flights.replayer import ORIGINS, TOPIC_PREFIX, Replayer
from examples.scenario import Model, SourceRecord, Topic

_HERE = Path(__file__).parent
_LIVE_A_MONTH = 56_000
"""About: two thirds of three changes a flight."""
# The records carry the dates of 2013: retention must not act on them, and a log of partial changes is never compacted.
_KEPT = {"retention.ms": "-1", "cleanup.policy": "delete"}


class Flights:
    """The first `months` months of the year; `cache` keeps what was downloaded."""

    name = "flights"
    mapping = _HERE / "migration.yaml"
    migrations = _HERE / "migrations"
    target_schema = "flights"
    fuzzy = False
    topics = (
        Topic(f"{TOPIC_PREFIX}airlines", 1, _KEPT),
        Topic(f"{TOPIC_PREFIX}airports", 1, _KEPT),
        Topic(f"{TOPIC_PREFIX}planes", 2, _KEPT),
        Topic(f"{TOPIC_PREFIX}flights", len(ORIGINS), _KEPT),
    )

    def __init__(self, cache: Path, *, months: int = 12) -> None:
        self._cache = cache
        self._months = months
        self.live_changes = _LIVE_A_MONTH * months

    def initial(self) -> Iterator[SourceRecord]:
        return self._replayer.initial()

    def live(self) -> Iterator[SourceRecord]:
        return self._replayer.live()

    def model(self, work_dir: Path) -> Model:
        return FlightsModel(self._folder, self._months, work_dir / "flights.sqlite")

    @cached_property
    def _folder(self) -> Path:
        return fetch(self._cache)

    @cached_property
    def _replayer(self) -> Replayer:
        return Replayer(self._folder, self._months)


def scenario(cache: Path = Path(".stack/cache"), *, months: int = 12) -> Flights:
    """What the replay loads by name."""
    return Flights(cache, months=months)
