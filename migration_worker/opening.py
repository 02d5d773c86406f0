"""From a mapping to streams that can be applied: checked against the live schema before anything is touched."""

from pathlib import Path

from db.apply import LaneApplier, StreamParts
from db.engine import Database
from db.lanes import expect_mapping
from db.registry import expect_rules, registered
from db.sources import SourceBook
from db.target import read_target
from db.writing import TargetWriter
from migration_core.mapping import CompiledMapping
from migration_core.steps import Reached
from migration_core.target import TargetSchema
from migration_core.unmapped import EVERY
from migration_worker.lane_work import StreamWork
from runtime.mapping_file import compiled_against


def open_mapping(database: Database, path: Path) -> CompiledMapping:
    """The mapping in `path`, compiled against the processed schema as it is now."""

    def live(schema: str) -> TargetSchema:
        with database.transaction() as session:
            return read_target(session, schema)

    return compiled_against(path, live)


def open_streams(
    database: Database, mapping: CompiledMapping, *, version: str, reached: Reached
) -> dict[str, StreamWork]:
    """Every stream of `mapping`, ready to be applied by this process."""
    sources = SourceBook()
    streams = {}
    for name, stream in mapping.streams.items():
        found = registered(database, name)
        expect_rules(found, lanes=stream.lanes, partial=stream.partial)
        with database.transaction() as session:
            expect_mapping(session, found.stream_id, name, stream.hash)
        parts = StreamParts(
            database=database,
            registered=found,
            stream=stream,
            writer=TargetWriter(mapping.target_schema, stream),
            version=version,
            sources=sources,
            reached=reached,
            look_every=EVERY,
        )
        streams[name] = StreamWork(parts, LaneApplier(parts))
    return streams
