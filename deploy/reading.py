"""The settings file as values: every fault at once, each with its place."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from deploy.settings import DeploySettings
from migration_core.errors import ConfigError
from migration_core.mapping.source import read_yaml
from migration_core.printable import printable

_BEGINS = "settings begin with `stacks:`; see docs/deploy.md"


def read_settings(path: Path) -> DeploySettings:
    """ConfigError names every fault as `file:line:column: what`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"cannot read {path} ({reason})") from error
    return settings_of(text, file=str(path))


def settings_of(text: str, *, file: str) -> DeploySettings:
    """The same from the file's text."""
    source = read_yaml(text, file=file, begins=_BEGINS)
    try:
        return DeploySettings.model_validate(source.plain())
    except ValidationError as error:
        found = sorted(_causes(error), key=lambda one: source.line_and_column(one["loc"]))
        told = [f"{source.place(one['loc'])}: {printable(_message(one))}" for one in found]
        raise ConfigError("\n".join(told)) from None


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """Without a list's complaint that too few of its elements are right."""
    found = error.errors(include_url=False)
    return [
        one
        for one in found
        if not any(other["loc"][: len(one["loc"])] == one["loc"] and other["loc"] != one["loc"] for other in found)
    ]


def _message(error: ErrorDetails) -> str:
    last, kind = str(error["loc"][-1]) if error["loc"] else "stacks", error["type"]
    if kind == "missing":
        return f"{last!r} is missing; write `{last}: …` here"
    if kind == "extra_forbidden":
        known = sorted(_part_at(error["loc"][:-1]).model_fields)
        near = get_close_matches(last, known, n=1)
        return f"{last!r} is no key here; " + (f"did you mean {near[0]!r}?" if near else f"write {', '.join(known)}")
    return f"{last}: {error['msg'].removeprefix('Value error, ')}"


def _part_at(loc: tuple[str | int, ...]) -> type[BaseModel]:
    """The part that stands at a place of the file."""
    part: type[BaseModel] = DeploySettings
    for name in loc:
        if isinstance(name, str):
            part = next(_parts_in(part.model_fields[name].annotation))
    return part


def _parts_in(annotation: Any) -> Any:  # noqa: ANN401 - whatever stands behind a field's colon
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts_in(inner)
