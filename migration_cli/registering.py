"""Streams of a mapping made known to the control schema, with their lanes and raw tables."""

from pathlib import Path

from db.engine import Database
from db.registry import StreamDefinition, register
from runtime.mapping_file import compiled


def register_streams(control: Database, path: Path) -> list[str]:
    """Register every stream of the mapping in `path`; their names."""
    mapping = compiled(path)
    for name, stream in mapping.streams.items():
        register(
            control,
            StreamDefinition(
                name=name,
                lanes=stream.lanes,
                key_version=stream.key_version,
                partial=stream.partial,
                mapping_hash=mapping.hash,
            ),
        )
    return list(mapping.streams)
