"""Paths into a document, and intrinsic functions over them, as JSONPath machines write them."""

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_TOKEN = re.compile(
    r"\s*(?:(?P<call>States\.\w+)\(|(?P<path>\$[\w.$\[\]]*)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+))"
)


class AslError(Exception):
    """What Step Functions would refuse or fail at, or what this interpreter does not know."""


class Missing(AslError):
    """A path that leads to nothing."""


def at(path: str, document: Any, context: Mapping[str, Any]) -> Any:
    """What `path` leads to; `$$` begins at the context."""
    root, rest = (context, path[2:]) if path.startswith("$$") else (document, path[1:])
    if not path.startswith("$"):
        raise AslError(f"{path} is no path")
    for step in _steps(rest):
        try:
            root = root[step]
        except (KeyError, IndexError, TypeError):
            raise Missing(f"{path} leads to nothing") from None
    return root


def put(path: str | None, document: Any, value: Any) -> Any:
    """A copy of `document` with `value` at a reference path; None discards the value."""
    if path is None:
        return document
    steps = _steps(path.removeprefix("$"))
    if any(isinstance(step, int) for step in steps):
        raise AslError(f"{path} is no place for a result here")
    return _put(steps, document, value)


def filled(template: Any, document: Any, context: Mapping[str, Any]) -> Any:
    """A payload template: names that end in `.$` hold paths or functions."""
    if isinstance(template, list):
        return [filled(one, document, context) for one in template]
    if not isinstance(template, dict):
        return template
    found = {}
    for name, value in template.items():
        if name.endswith(".$"):
            found[name.removesuffix(".$")] = evaluated(value, document, context)
        else:
            found[name] = filled(value, document, context)
    return found


def evaluated(text: str, document: Any, context: Mapping[str, Any]) -> Any:
    """A path or a function, whole."""
    value, end = _expression(text, 0, document, context)
    if text[end:].strip():
        raise AslError(f"{text}: {text[end:]!r} is left over")
    return value


def _steps(text: str) -> list[str | int]:
    found: list[str | int] = []
    end = 0
    while end < len(text):
        step = _STEP.match(text, end)
        if step is None:
            raise AslError(f"{text} is no path that is known here")
        found.append(step[1] if step[1] is not None else int(step[2]))
        end = step.end()
    return found


def _put(steps: list[str | int], document: Any, value: Any) -> Any:
    if not steps:
        return value
    if not isinstance(document, dict):
        raise AslError(f"{steps} leads through something that is no object")
    first, *rest = steps
    return {**document, first: _put(rest, document.get(first, {}), value)}


def _expression(text: str, start: int, document: Any, context: Mapping[str, Any]) -> tuple[Any, int]:
    token = _TOKEN.match(text, start)
    if token is None:
        raise AslError(f"{text}: nothing is known that begins at {text[start:]!r}")
    end = token.end()
    if token["path"]:
        return at(token["path"], document, context), end
    if token["text"]:
        return token["text"], end
    if token["number"]:
        return int(token["number"]), end
    arguments = []
    while not text[end:].lstrip().startswith(")"):
        value, end = _expression(text, end, document, context)
        arguments.append(value if token["call"] == "States.Format" and not arguments else _plain(value))
        rest = text[end:].lstrip()
        if rest.startswith(","):
            end = text.index(",", end) + 1
        elif not rest.startswith(")"):
            raise AslError(f"{text}: a comma or the end is missing at {rest!r}")
    return _called(token["call"], arguments), text.index(")", end) + 1


def _plain(value: Any) -> Any:
    """A literal without its quotes."""
    if isinstance(value, str) and value.startswith("'"):
        return _unescaped(value[1:-1])
    return value


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _called(name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case "States.Format", [str() as template, *values]:
            return _formatted(template, values)
        case "States.Array", values:
            return values
        case "States.ArrayGetItem", [list() as values, int() as index] if 0 <= index < len(values):
            return values[index]
        case "States.MathAdd", [int() as one, int() as other]:
            return one + other
        case "States.StringToJson", [str() as text]:
            try:
                return json.loads(text)
            except ValueError as error:
                raise AslError(f"States.StringToJson: {error}") from None
        case "States.JsonToString", [value]:
            return json.dumps(value)
    raise AslError(f"{name} is not known here, or not with {arguments}")


def _formatted(template: str, values: list[Any]) -> str:
    """`{}` is a place, `\\{` a brace."""
    left = list(values)
    if not template.startswith("'"):
        raise AslError("States.Format begins with a literal here")

    def piece(found: re.Match[str]) -> str:
        if found[0] == "{}":
            if not left:
                raise AslError(f"{template}: more places than values")
            value = left.pop(0)
            if isinstance(value, dict | list):
                raise AslError(f"{template}: only text, numbers and truth can be put in")
            return value if isinstance(value, str) else json.dumps(value)
        if found[0] in "{}":
            raise AslError(f"{template}: a brace that is not escaped")
        return found[0][1]

    text = re.sub(r"\\.|\{\}|[{}]", piece, template[1:-1])
    if left:
        raise AslError(f"{template}: more values than places")
    return text
