"""Mappings: `migration.yaml`, read, checked and compiled into functions."""

from migration_core.mapping.compile import compile_mapping
from migration_core.mapping.coverage import Uncovered, uncovered_paths
from migration_core.mapping.kinds import Kind, WriteMode
from migration_core.mapping.loading import Mapping, load_mapping
from migration_core.mapping.stream import Assertion, CompiledMapping, CompiledStream, CompiledTable

__all__ = [
    "Assertion",
    "CompiledMapping",
    "CompiledStream",
    "CompiledTable",
    "Kind",
    "Mapping",
    "Uncovered",
    "WriteMode",
    "compile_mapping",
    "load_mapping",
    "uncovered_paths",
]
