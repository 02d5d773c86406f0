"""YAML text as plain values, with the line and column of every key, so that an error can point at its place."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLWarning

from migration_core.errors import ConfigError
from migration_core.printable import printable

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One parsed file; `root` keeps ruamel's own nodes, because they know their places."""

    file: str
    root: Any

    def plain(self) -> Any:  # noqa: ANN401 - whatever the file holds
        """The content without its places."""
        return _plain(self.root)

    def place(self, loc: Sequence[str | int]) -> str:
        """`file:line:column` of the deepest part of `loc` that is in the file, both counted from 1."""
        line, column = self.line_and_column(loc)
        return f"{self.file}:{line}:{column}"

    def line_and_column(self, loc: Sequence[str | int]) -> tuple[int, int]:
        """The same as numbers, which sort as the file reads."""
        node, line, column = self.root, 0, 0
        for part in loc:
            try:
                if isinstance(node, CommentedMap) and isinstance(part, int):
                    continue  # the only element of a list that may be written without it
                if isinstance(node, CommentedMap):
                    key = next(one for one in node if str(one) == part)
                    line, column = node.lc.key(key)
                    node = node[key]
                elif isinstance(node, CommentedSeq):
                    line, column = node.lc.item(part)
                    node = node[part]
                else:
                    break
            except (KeyError, IndexError, TypeError, StopIteration):
                break  # it is not there, or came in through an anchor
        return line + 1, column + 1


_GROWS, _LARGEST = 4, 1 << 18
"""How many times its length a file may be when all its anchors are written out, and what any file may be."""
BEGINS = "a mapping begins with `target_schema:` and `streams:`; see docs/mapping.md"


def read_yaml(text: str, *, file: str, begins: str = BEGINS) -> YamlSource:
    """Parse one document by YAML 1.2; duplicate keys and anything that builds objects are refused."""
    reader = YAML(typ="rt")
    reader.allow_duplicate_keys = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", YAMLWarning)  # an anchor's name that stands twice, like any other name
            root = reader.load(text)
        grown = _written_out(root, {}) > _LARGEST + _GROWS * len(text)
        if not grown:
            _plain(root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        told = ", ".join(one for one in (error.context, error.problem) if one)
        raise ConfigError(f"{where}: {printable(told)}; mend the YAML") from error
    except RecursionError as error:
        told = "it is nested too deep, or an anchor holds itself; write out what it stands for"
        raise ConfigError(f"{file}: {told}") from error
    except Exception as error:  # the reader lets slips of its own through, such as a TypeError for a list in a key
        told = printable(" ".join(str(error).split())) or type(error).__name__
        raise ConfigError(f"{file}: this is no YAML: {told}") from error
    if grown:
        raise ConfigError(f"{file}: anchors make it many times larger than it is; write out what they stand for")
    if not isinstance(root, CommentedMap):
        raise ConfigError(f"{file}:1:1: {begins}")
    return YamlSource(file, root)


def _written_out(node: Any, known: dict[int, int]) -> int:  # noqa: ANN401 - whatever the file holds
    """How many values and characters it is without anchors, told without writing them out."""
    found = known.get(id(node))
    if found is None:
        parts = [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else ()
        own = len(node) if isinstance(node, str | bytes) else 1
        found = known[id(node)] = own + sum(_written_out(part, known) for part in parts)
    return found


def _plain(node: Any) -> Any:  # noqa: ANN401 - whatever the file holds; one return a kind
    """Without ruamel's own subclasses, whose texts and numbers remember how they were written."""
    match node:
        case dict():
            return {_text(str(key)): _plain(value) for key, value in node.items()}
        case list():
            return [_plain(value) for value in node]
        case bool():
            return bool(node)
        case str():
            return _text(str(node))
        case int():
            return int(node)
        case float():
            return float(node)
    return node


def _text(text: str) -> str:
    """An escape in quotes can write what no UTF-8 holds, and so no topic, column or hash."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text holds half of a surrogate pair")
    return text
