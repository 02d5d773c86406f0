"""Finding a few members in JSON text without decoding the rest of it."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from migration_core.errors import Rejected
from migration_core.formats.base import Path
from migration_core.json_text import BOM, FAILURES, explain, parse_object

_Tree = dict[str, Any]
_BACKSLASH = ord("\\")  # a search for a number is far faster than one for a byte string
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class Finder:
    """Knows several places, each of as many members; the first place with any of them counts.

    A name that comes twice holds its last value, as in a whole decoded document; a `wary` finder refuses it.
    """

    def __init__(self, places: Sequence[Sequence[Path]], *, wary: bool) -> None:
        self._places = places
        self._wary = wary
        tree: _Tree = {}
        try:
            for place in places:
                for names in place:
                    _plant(tree, names)
        except _Ambiguous:
            self._fast = None
            return
        self._fast = msgspec.json.Decoder(_struct(tree)).decode
        self._members = [_members(tree, place) for place in places]
        self._one = len(places[0]) == 1
        quoted = {_encode(name) for place in places for names in place for name in names} if wary else set()
        self._names = [(name, re.compile(re.escape(name) + rb"\s*:").findall) for name in quoted]

    def quick(self, text: bytes) -> Any:  # noqa: ANN401 - any JSON value
        """The one member, or the tuple of members, at the first place that has any; None where there is any doubt."""
        if self._fast is None:
            return None
        if self._wary and _BACKSLASH in text:
            return None  # an escape could spell a name in another way
        for name, labels in self._names:
            if text.count(name) > 1 and len(labels(text)) > 1:
                return None
        try:
            record = self._fast(text)
        except FAILURES:
            return None
        for members in self._members:
            try:
                found = members(record)
            except AttributeError:  # an object on the way is null
                if self._one:
                    continue
                return None
            if found is not None and (self._one or found.count(None) < len(found)):
                return found
        return None

    def find(self, text: bytes) -> Sequence[Any]:
        """The same from the whole text; Rejected at stage "key" with the cause when it cannot be read."""
        whole = parse_object(text, stage="key") if self._wary else _object(text)
        found = [[_member(whole, names) for names in place] for place in self._places]
        return next((values for values in found if any(value is not None for value in values)), found[0])


class _Ambiguous(Exception):
    """A member is both a value and an object that holds one, which only the whole document sorts out."""


def _plant(tree: _Tree, names: Path) -> None:
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
        if tree is None:
            raise _Ambiguous
    if tree.setdefault(names[-1], None) is not None:
        raise _Ambiguous


def _members(tree: _Tree, place: Sequence[Path]) -> Callable[[Any], Any]:
    """A getter of nested struct fields, by their numbers."""
    fields = []
    for names in place:
        numbers, node = [], tree
        for name in names:
            numbers.append(f"f{list(node).index(name)}")
            node = node[name]
        fields.append(".".join(numbers))
    return attrgetter(*fields)


def _struct(tree: _Tree) -> type[msgspec.Struct]:
    """Members are numbered by the order of the tree: a name may be no Python name."""
    fields: list[Any] = []
    for number, (name, inner) in enumerate(tree.items()):
        if inner is None:
            fields.append((f"f{number}", Any, msgspec.field(default=None, name=name)))
        else:
            # Where an object is absent, its members are: an empty one stands for it.
            below = _struct(inner)
            fields.append((f"f{number}", below | None, msgspec.field(default_factory=below, name=name)))
    return msgspec.defstruct("KeyMembers", fields, frozen=True, gc=False)


def _object(text: bytes) -> dict[str, Any]:
    text = text.removeprefix(BOM)
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise Rejected("PARSE_NOT_OBJECT", stage="key", detail="no JSON object holds the key") from error
    except FAILURES:
        explain(text, "key")


def _member(node: Any, names: Path) -> Any:  # noqa: ANN401 - any JSON value
    for name in names:
        node = node.get(name) if type(node) is dict else None
    return node
