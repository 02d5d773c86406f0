"""Whether the mapping fits the processed schema as it is on the server."""

from collections.abc import Iterator
from pathlib import Path

from db.engine import Database
from db.registry import registered
from db.target import read_target
from migration_core.errors import ConfigError
from migration_core.finding import Finding, failed, passed
from migration_core.mapping import CompiledMapping
from migration_core.target import TargetSchema
from runtime.mapping_file import compiled_against

PART = "mapping"


def mapping_findings(path: Path, control: Database) -> Iterator[Finding]:
    """Compile the mapping against the live schema, and compare it with what is registered."""

    def live(schema: str) -> TargetSchema:
        with control.transaction() as session:
            return read_target(session, schema)

    try:
        mapping = compiled_against(path, live)
    except ConfigError as error:
        for fault in str(error).splitlines():
            yield failed(PART, "fits the schema", fault, "see the message")
        return
    told = ", ".join(f"{name} ({stream.lanes} lanes)" for name, stream in mapping.streams.items())
    yield passed(PART, "fits the schema", f"{mapping.target_schema}: {told}")
    yield from _registered(mapping, control)


def _registered(mapping: CompiledMapping, control: Database) -> Iterator[Finding]:
    for name, stream in mapping.streams.items():
        try:
            known = registered(control, name)
        except ConfigError:
            yield failed(PART, "registered", f"{name} is not", "run `migration schema upgrade`")
            continue
        if (known.lanes, known.partial) == (stream.lanes, stream.partial):
            yield passed(PART, "registered", name)
        else:
            told = f"{name}: {known.lanes} lanes, now {stream.lanes}; partial {known.partial}, now {stream.partial}"
            yield failed(PART, "registered", told, "write the old values: another number would reorder keys")
