"""Reading the key of a record: the ingest's hot path, so only the members that hold it are decoded."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from migration_core.errors import Rejected
from migration_core.formats.base import Path
from migration_core.key import BIGINT, KeyType, canonical, checked_part, part_of_text
from migration_core.mapping.key_finder import Finder
from migration_core.mapping.path import JsonPath
from migration_core.pattern import shape

Parts = Sequence[tuple[JsonPath, KeyType]]

# A fraction must not look like a text of the same digits.
_encode = msgspec.json.Encoder(decimal_format="number").encode


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
        # A value is decoded whole later on, and then refused for names that come twice; a record key is not.
        self._finder = Finder(places, wary=self.from_record_key)
        self._kinds = tuple(str if kind == "string" else int for _, kind in parts)
        self._single = self._kinds[0] if len(parts) == 1 else None
        self._names = [path.names[0] for path, _ in parts] if all(len(p.names) == 1 for p, _ in parts) else None

    def key_of(self, record_key: bytes | None, value: bytes | None) -> bytes:
        """The canonical key; Rejected at stage "key" when there is none that can be read."""
        text = record_key if self.from_record_key else value
        if text is None:
            what = "record key" if self.from_record_key else "value"
            raise Rejected("KEY_NULL", stage="key", detail=f"the record has no {what}")
        if self._text:
            return canonical((part_of_text(_characters(text), self._parts[0][1], "$key"),))
        found = self._finder.quick(text)
        if self._single is not None:
            if type(found) is self._single and (self._single is str or found in BIGINT):
                return canonical((found,))
        elif found is not None and self._fits(found):
            return canonical(found)
        values = self._finder.find(text)
        return canonical(
            [checked_part(v, kind, str(path)) for v, (path, kind) in zip(values, self._parts, strict=True)]
        )

    def check(self, entity_key: bytes, document: Mapping[str, object]) -> None:
        """Raise KEY_MISMATCH when the document names another entity than its record key does."""
        if not self.from_record_key:
            return
        values = self._values_in(document)
        # One value has one encoding, so equal bytes are equal values of equal types.
        if _encode(values) == entity_key or any(value is None for value in values):
            return  # a patch need not repeat its key, and a column that needs it says so
        path = str(self._parts[0][0])
        raise Rejected("KEY_MISMATCH", stage="key", field_path=path, detail="value and record key name two entities")

    def _fits(self, values: tuple[object, ...]) -> bool:
        return tuple(map(type, values)) == self._kinds and all(type(v) is str or v in BIGINT for v in values)

    def _values_in(self, document: Mapping[str, object]) -> list[Any]:
        """The key's members in a decoded document; None where there is none."""
        if self._names is not None:
            return [document.get(name) for name in self._names]
        found = []
        for path, _ in self._parts:
            node: Any = document
            for name in path.names:
                node = node.get(name) if type(node) is dict else None
            found.append(node)
        return found


def _characters(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Rejected("KEY_INVALID", stage="key", detail="the record key is no UTF-8", shape=shape(text)) from error
