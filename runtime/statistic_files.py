"""The statistics of a mapping, with their SQL read from the files beside it."""

from pathlib import Path

from migration_core.errors import ConfigError
from migration_core.mapping import Mapping
from migration_core.statistics.compile import compile_statistics
from migration_core.statistics.statistic import Statistic
from runtime.mapping_file import read_mapping

_LARGEST = 1 << 20
"""Bytes: a statement that a person wrote is far smaller."""


def read_statistics(path: Path) -> tuple[Mapping, tuple[Statistic, ...]]:
    """The mapping in `path` and its statistics; ConfigError names every fault with file, line and column."""
    mapping = read_mapping(path)

    def read(name: str) -> str:
        file = path.parent / name
        try:
            if file.stat().st_size > _LARGEST:
                raise ConfigError(f"{file} is larger than 1 MiB; name a file with one SELECT")
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"cannot read {file} ({reason}); name a file beside the mapping") from error

    return mapping, compile_statistics(mapping, read)
