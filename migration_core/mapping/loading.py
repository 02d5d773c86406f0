"""A mapping from its text: every fault at once, each with its place and its remedy."""

import re
from collections.abc import Iterable
from collections.abc import Mapping as Pairs
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from migration_core.errors import ConfigError
from migration_core.mapping.model import MappingModel, model_at
from migration_core.mapping.rules import broken_rules
from migration_core.mapping.source import YamlSource, read_yaml
from migration_core.mapping.statistic_rules import Fault
from migration_core.printable import printable

_NEEDED = {
    "target_schema": "target_schema: name_of_the_processed_schema",
    "streams": "streams:",
    "topic": "topic: name",
    "key": "key: $.id",
    "tables": "tables:",
    "columns": "columns:",
    "path": "path: $.name",
    "sql": "sql: file.sql",
    "table": "table: name",
}
_NOT_OF_THE_ROWS = ("schedule", "indexes", "scan_rows", "sort_rows")
_WRONG = {
    "string_type": "this is no text; write it in quotes",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "list_type": "write a list, as in [one, two]",
    "dict_type": "write `name: value` lines below it",
}


class Mapping:
    """A mapping whose shape is right; the file's places stay at hand for what is found later."""

    def __init__(self, model: MappingModel, source: YamlSource) -> None:
        self.model = model
        self.source = source
        self._plain = source.plain()
        # Statistics read the tables and decide nothing about them: another one makes no other copy.
        self.hash = _hash({name: part for name, part in self._plain.items() if name != "statistics"})

    def hash_of(self, stream: str) -> str:
        """Of what the file says of one stream, so that a change of another one does not count."""
        return _hash(self._plain["streams"][stream])

    def hash_of_statistic(self, statistic: str) -> str:
        """Of what decides about its rows: all but when it runs, and how its plan is judged."""
        entry = self._plain["statistics"][statistic]
        return _hash({name: part for name, part in entry.items() if name not in _NOT_OF_THE_ROWS})

    def fault(self, message: str, *loc: str | int) -> str:
        """`message` behind its place in the file."""
        return f"{self.source.place(loc)}: {printable(message)}"


def load_mapping(text: str, *, file: str) -> Mapping:
    """Read and check a mapping; ConfigError names every fault as `file:line:column: what; write … instead`."""
    source = read_yaml(text, file=file)
    plain = source.plain()
    _spell_out(plain)
    try:
        model = MappingModel.model_validate(plain)
    except ValidationError as error:
        raise _together(source, [(_message(one), one["loc"]) for one in error.errors(include_url=False)]) from None
    if faults := list(broken_rules(model)):
        raise _together(source, faults)
    return Mapping(model, source)


def _together(source: YamlSource, faults: Iterable[Fault]) -> ConfigError:
    in_order = sorted(faults, key=lambda fault: source.line_and_column(fault[1]))
    return ConfigError(
        "\n".join(dict.fromkeys(f"{source.place(loc)}: {printable(message)}" for message, loc in in_order))
    )


def _spell_out(plain: Any) -> None:  # noqa: ANN401 - the file before it is checked
    """`id: $.userID` is a column with a path, `key: $.userID` a key of one part, `key: id` one column."""
    for stream in _values(plain, "streams"):
        _as_list(stream, "topic", str)
        _as_list(stream, "key", (str, dict))
        if isinstance(parts := stream.get("key"), list):
            stream["key"] = [{"path": part} if isinstance(part, str) else part for part in parts]
        for table in _values(stream, "tables"):
            _as_list(table, "key", str)
            if isinstance(columns := table.get("columns"), dict):
                table["columns"] = {n: {"path": c} if isinstance(c, str) else c for n, c in columns.items()}
    for statistic in _values(plain, "statistics"):
        _as_list(statistic, "key", str)
        if isinstance(indexes := statistic.get("indexes"), dict):
            statistic["indexes"] = {n: [one] if isinstance(one, str) else one for n, one in indexes.items()}


def _values(holder: Any, name: str) -> list[dict[str, Any]]:  # noqa: ANN401 - the file before it is checked
    inner = holder.get(name)
    return [one for one in inner.values() if isinstance(one, dict)] if isinstance(inner, dict) else []


def _as_list(holder: dict[str, Any], name: str, kinds: type | tuple[type, ...]) -> None:
    if isinstance(holder.get(name), kinds):
        holder[name] = [holder[name]]


def _message(error: ErrorDetails) -> str:
    last, kind, context = str(error["loc"][-1]), error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        fields: Pairs[str, Any] = model_at(error["loc"][:-1]).model_fields
        known = sorted(field.alias or name for name, field in fields.items())
        near = get_close_matches(last, known, n=1)
        return f"{last!r} is no key here; " + (f"did you mean {near[0]!r}?" if near else f"write {_either(known)}")
    if kind == "missing":
        return f"{last!r} is missing; write `{_NEEDED.get(last, last + ': …')}` here"
    if kind == "literal_error":
        near = get_close_matches(str(error["input"]), re.findall(r"'(\w+)'", context["expected"]), n=1)
        return f"{last}: write {context['expected']}" + (f"; did you mean {near[0]!r}?" if near else "")
    if kind == "model_type":
        example = "$.name or {path: $.name}" if "columns" in error["loc"][-2:-1] else "its keys below it"
        return f"{last}: write {example}"
    if kind == "value_error":
        return f"{last}: {context['error']}"
    return f"{last}: {_WRONG.get(kind) or error['msg']}"


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


def _hash(plain: object) -> str:
    return sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
