"""How a line of a snapshot part holds one record; a container is one file here and one line in `CONTAINERS`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from migration_core.containers.kcat import parse as parse_kcat
from migration_core.containers.ndjson import parse as parse_ndjson
from migration_core.records import Received

Parse = Callable[[bytes, int], Received]
"""(line without its newline, its number from 1) -> the record; Rejected(stage="container") when it is malformed."""

CONTAINERS: Mapping[str, Parse] = MappingProxyType({"kcat": parse_kcat, "ndjson": parse_ndjson})
"""By the name that a manifest gives."""
VALUES_ALONE = frozenset({parse_ndjson})
"""Whose every line is a value and nothing else, never malformed: a loader may skip the parsing."""
