"""MIGRATION_CONFIG read from its file, with the Python functions that its columns name."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from migration_core.errors import ConfigError
from migration_core.mapping import CompiledMapping, Mapping, compile_mapping, load_mapping
from migration_core.target import TargetSchema

Live = Callable[[str], TargetSchema]
"""Reads the processed schema of that name as it is on the server."""


def read_mapping(path: Path) -> Mapping:
    """The mapping in `path`; ConfigError names every fault with file, line and column."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"MIGRATION_CONFIG: cannot read {path} ({reason})") from error
    return load_mapping(text, file=str(path))


def compiled(path: Path) -> CompiledMapping:
    """The mapping without the processed schema: for programs that need keys and topics, and write no rows."""
    return compile_mapping(read_mapping(path), schema=None, functions=function_named)


def compiled_against(path: Path, live: Live) -> CompiledMapping:
    """The mapping checked against the processed schema as it is now."""
    mapping = read_mapping(path)
    return compile_mapping(mapping, schema=live(mapping.model.target_schema), functions=function_named)


def function_named(name: str) -> Callable[..., Any]:
    """The function `package.module:function`; ConfigError says what is not there."""
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # a console script has its own folder there, and not the user's
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{name}: cannot import {module_name} ({error}); run from the folder that holds it"
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        raise ConfigError(f"{name}: {module_name} has no function {attribute!r}")
    return cast("Callable[..., Any]", found)
