"""Positions at which ingest stops: parsed, and kept as JSON. Pure."""

from collections.abc import Iterable, Mapping

from migration_core.errors import ConfigError

Stops = Mapping[tuple[str, int], int]
"""{(topic, partition): the first offset that is not stored}."""


def parsed(positions: Iterable[str]) -> dict[tuple[str, int], int]:
    """Positions as people write them: topic:partition:offset."""
    found: dict[tuple[str, int], int] = {}
    for text in positions:
        topic, _, partition = text.rpartition(":")[0].rpartition(":")
        offset = text.rpartition(":")[2]
        if not (topic and partition.isdecimal() and offset.isdecimal()):
            raise ConfigError(f"{text!r} is no position: write topic:partition:offset, as in legacy.users:0:1500")
        if (topic, int(partition)) in found:
            raise ConfigError(f"{topic}[{partition}] is named twice")
        found[topic, int(partition)] = int(offset)
    return found


def as_json(stops: Stops) -> dict[str, dict[str, int]]:
    """{topic: {partition: offset}}, as it stands in the store."""
    found: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in sorted(stops.items()):
        found.setdefault(topic, {})[str(partition)] = offset
    return found


def of_json(stored: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, int], int]:
    """What `as_json` was given."""
    return {(topic, int(partition)): offset for topic, places in stored.items() for partition, offset in places.items()}
