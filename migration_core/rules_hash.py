"""A digest of everything that decides what a record becomes: the mapping, and the processed schema it is checked by."""

from hashlib import sha256

from migration_core.mapping import CompiledMapping
from migration_core.target import TargetSchema


def rules_hash(mapping: CompiledMapping, schema: TargetSchema) -> str:
    """In hexadecimal; code that columns name counts by the program's version only."""
    tables = [repr(schema.tables.get(name)) for name in mapping.table_names]
    return sha256("\x1f".join([mapping.hash, *tables]).encode()).hexdigest()
