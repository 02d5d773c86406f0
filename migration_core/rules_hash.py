"""A digest of everything that decides what a record becomes: the mapping, and the processed schema it is checked by."""

from hashlib import sha256

from migration_core.mapping import CompiledMapping
from migration_core.target import TargetSchema


def rules_hash(mapping: CompiledMapping, schema: TargetSchema) -> str:
    """In hexadecimal; code that columns name counts by the program's version only."""
    used = sorted({table.name for stream in mapping.streams.values() for table in stream.tables})
    tables = [repr(schema.tables.get(name)) for name in used]
    return sha256("\x1f".join([mapping.hash, *tables]).encode()).hexdigest()
