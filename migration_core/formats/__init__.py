"""Record formats: how a record says what changed. One file and one registration each."""

from collections.abc import Callable

from migration_core.errors import ConfigError
from migration_core.formats.base import FormatOptions, RecordFormat
from migration_core.formats.debezium import Debezium
from migration_core.formats.plain_json import PlainJson

FORMATS: dict[str, Callable[[FormatOptions], RecordFormat]] = {
    "json": PlainJson,
    "debezium": Debezium,
}


def record_format(name: str, options: FormatOptions) -> RecordFormat:
    """The format of that name, for one stream."""
    if name not in FORMATS:
        raise ConfigError(f"format {name!r} is unknown: write one of {', '.join(sorted(FORMATS))}")
    return FORMATS[name](options)


__all__ = ["FORMATS", "FormatOptions", "RecordFormat", "record_format"]
