"""Reading the key of a record: the ingest's hot path, so only the members that hold it are decoded."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec

from migration_core.errors import Rejected
from migration_core.formats.base import Path
from migration_core.json_text import explain
from migration_core.key import BIGINT, KeyType, canonical, checked_part, part_of_text
from migration_core.mapping.path import JsonPath
from migration_core.pattern import shape

Parts = Sequence[tuple[JsonPath, KeyType]]
_BOM = b"\xef\xbb\xbf"
_Tree = dict[str, Any]
_Unreadable = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class KeyReader:
    """The key of each record of one stream, from the record key where the mapping says so, else from the value."""

    def __init__(
        self, parts: Parts, record_key: Sequence[JsonPath] | Literal["text"] | None, documents: Sequence[Path]
    ) -> None:
        self._parts = parts
        self._text = record_key == "text"
        self.from_record_key = record_key is not None
        if record_key is None:
            places = [[(*document, *path.names) for path, _ in parts] for document in documents]
        else:
            paths = [path for path, _ in parts] if record_key == "text" else list(record_key)
            # A record key may carry its schema, as connectors write it.
            places = [[path.names for path in paths], [("payload", *path.names) for path in paths]]
        self._finder = _Finder(places)
        self._single = None if len(parts) > 1 else str if parts[0][1] == "string" else int

    def key_of(self, record_key: bytes | None, value: bytes | None) -> bytes:
        """The canonical key; Rejected at stage "key" when there is none that can be read."""
        text = record_key if self.from_record_key else value
        if text is None:
            what = "record key" if self.from_record_key else "value"
            raise Rejected("KEY_NULL", stage="key", detail=f"the record has no {what}")
        if self._text:
            return canonical([part_of_text(_characters(text), self._parts[0][1], "$key")])
        if self._single is not None:
            value_ = self._finder.quick(text)
            if type(value_) is self._single and (self._single is str or value_ in BIGINT):
                return canonical((value_,))
        values = self._finder.find(text)
        return canonical(
            [checked_part(v, kind, str(path)) for v, (path, kind) in zip(values, self._parts, strict=True)]
        )

    def parts_in(self, document: Mapping[str, object]) -> list[Any]:
        """The key's members in a decoded document; None where there is none."""
        found = []
        for path, _ in self._parts:
            node: Any = document
            for name in path.names:
                node = node.get(name) if type(node) is dict else None
            found.append(node)
        return found

    def check(self, entity_key: bytes, document: Mapping[str, object]) -> None:
        """Raise KEY_MISMATCH when the document names another entity than its record key does."""
        if not self.from_record_key:
            return
        values = self.parts_in(document)
        if any(value is None for value in values):
            return  # a patch need not repeat its key, and a column that needs it says so
        try:
            same = canonical([checked_part(v, kind, "") for v, (_, kind) in zip(values, self._parts, strict=True)])
        except Rejected:
            same = b""
        if same != entity_key:
            path = str(self._parts[0][0])
            raise Rejected(
                "KEY_MISMATCH", stage="key", field_path=path, detail="value and record key name two entities"
            )


class _Finder:
    """Decodes just the members at `places`; `quick` is for keys of a single part."""

    def __init__(self, places: Sequence[Sequence[Path]]) -> None:
        self._places = places
        tree: _Tree = {}
        for place in places:
            for names in place:
                node = tree
                for name in names[:-1]:
                    node = node.setdefault(name, {})
                node.setdefault(names[-1], None)
        # A member may be both a key and an object that holds one: the slow way sorts that out.
        ambiguous = any(_at_tree(tree, names) is not None for place in places for names in place)
        self._fast = None if ambiguous else msgspec.json.Decoder(_struct(tree)).decode
        self._slow = msgspec.json.Decoder(dict[str, Any]).decode
        self._members = [] if ambiguous else [_members(tree, place[0]) for place in places]

    def quick(self, text: bytes) -> Any:  # noqa: ANN401 - any JSON value
        """The one member at the first place that has it; None wherever there is anything to think about."""
        if self._fast is None:
            return None
        try:
            record = self._fast(text)
        except _Unreadable:
            return None
        for members in self._members:
            try:
                found = members(record)
            except AttributeError:  # an object on the way is absent
                continue
            if found is not None:
                return found
        return None

    def find(self, text: bytes) -> list[Any]:
        """All members at the first place that has any."""
        text = text.removeprefix(_BOM)
        try:
            whole = self._slow(text)
        except msgspec.ValidationError as error:
            raise Rejected("PARSE_NOT_OBJECT", stage="key", detail="no JSON object holds the key") from error
        except _Unreadable:
            explain(text, "key")
        found = [[_member(whole, names) for names in place] for place in self._places]
        return next((values for values in found if any(value is not None for value in values)), found[0])


def _members(tree: _Tree, names: Path) -> Callable[[Any], Any]:
    """A getter of nested struct fields, by their numbers."""
    numbers = []
    node: Any = tree
    for name in names:
        numbers.append(f"f{list(node).index(name)}")
        node = node[name]
    return attrgetter(".".join(numbers))


def _struct(tree: _Tree) -> type[msgspec.Struct]:
    """Members are numbered by the order of the tree: a name may be no Python name."""
    fields = []
    for number, (name, inner) in enumerate(tree.items()):
        kind = Any if inner is None else _struct(inner) | None
        fields.append((f"f{number}", kind, msgspec.field(default=None, name=name)))
    return msgspec.defstruct("KeyMembers", fields)


def _member(node: Any, names: Path) -> Any:  # noqa: ANN401 - any JSON value
    for name in names:
        node = node.get(name) if type(node) is dict else None
    return node


def _at_tree(tree: _Tree, names: Path) -> Any:  # noqa: ANN401 - a subtree or None
    node: Any = tree
    for name in names:
        node = node[name] if node is not None else None
    return node


def _characters(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Rejected("KEY_INVALID", stage="key", detail="the record key is no UTF-8", shape=shape(text)) from error
