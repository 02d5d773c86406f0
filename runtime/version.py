"""Which version runs, from the package where it is installed, else from the project file beside the code."""

import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

NAME = "kafka-mysql-migration"


@cache
def version() -> str:
    """The version, for logs, metrics and `--version`."""
    project = Path(__file__).parent.parent / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version(NAME)
