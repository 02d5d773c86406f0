"""From a mapping to the rules that ingest needs, checked against what the control schema has registered."""

from collections.abc import Mapping
from pathlib import Path

from db.engine import Database
from db.registry import expect_rules, registered
from db.schema import check_at_head
from migration_core.errors import ConfigError
from migration_master.ingest import StreamRules
from runtime.mapping_file import compiled


def open_streams(database: Database, path: Path) -> dict[str, StreamRules]:
    """Every stream of the mapping in `path`; Transient while the schema is not there yet."""
    check_at_head(database)
    streams: dict[str, StreamRules] = dict(compiled(path).streams)
    check_registered(database, streams)
    return streams


def check_registered(database: Database, streams: Mapping[str, StreamRules]) -> None:
    """Refuse other lanes than the stored ones, and a topic that belongs to two streams."""
    owner: dict[str, str] = {}
    for name, stream in streams.items():
        expect_rules(registered(database, name), lanes=stream.lanes, partial=stream.partial)
        for topic in stream.topics:
            if topic in owner:
                raise ConfigError(f"topic {topic!r} belongs to the streams {owner[topic]!r} and {name!r}: choose one")
            owner[topic] = name
