"""`python -m tests.fuzz.guided TARGET [libFuzzer's flags]`: one target, guided by what it reaches of our code."""

import sys
from collections.abc import Sequence

import atheris

_WATCHED = ["migration_core", "snapshot_loader", "db"]
"""Packages whose branches count; what lies below them (JSON, zlib, zstandard, YAML, pydantic) is a black box."""


def main(arguments: Sequence[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    name, *flags = arguments
    with atheris.instrument_imports(include=_WATCHED):
        from tests.fuzz.every import TARGETS  # noqa: PLC0415 - what is imported here is watched
    run = TARGETS[name].run

    def once(data: bytes) -> None:
        run(data)

    atheris.Setup(["fuzz", *flags], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
