"""Which members of real documents no column takes: what a migration would leave behind."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from migration_core.mapping.model import StreamModel
from migration_core.mapping.path import told


@dataclass(frozen=True, slots=True)
class Uncovered:
    """One path that no column names."""

    path: str
    documents: int
    """In how many of the documents it stands."""
    perhaps: bool
    """Whether a column function is given an object around it, and may read it."""


@dataclass(slots=True)
class _Taken:
    """What the mapping takes at and below one place."""

    members: dict[str, "_Taken"] = field(default_factory=dict)
    elements: "_Taken | None" = None
    whole: bool = False
    function: bool = False
    rest: bool = False
    """Whether a column takes the members that none names."""

    def at(self, names: Iterable[str]) -> "_Taken":
        node = self
        for name in names:
            node = node.members.setdefault(name, _Taken())
        return node


def uncovered_paths(stream: StreamModel, documents: Iterable[Mapping[str, object]]) -> list[Uncovered]:
    """The paths in decoded documents that nothing takes, the most frequent first; of an object, its own path only."""
    taken = _taken(stream)
    counts: Counter[tuple[str, bool]] = Counter()
    for document in documents:
        counts.update(set(_left(document, taken, "$", perhaps=taken.function)))
    found = [Uncovered(path, count, perhaps) for (path, perhaps), count in counts.items()]
    return sorted(found, key=lambda one: (-one.documents, one.path))


def left_by(stream: StreamModel) -> Callable[[Mapping[str, object]], set[str]]:
    """A function to the paths of one document that are surely left: not those that a column function may read."""
    taken = _taken(stream)

    def left(document: Mapping[str, object]) -> set[str]:
        return {path for path, perhaps in _left(document, taken, "$", perhaps=taken.function) if not perhaps}

    return left


@lru_cache(maxsize=4096)
def _step(name: str) -> str:
    """The end of a path; of a running stream the same names come again and again."""
    return told((name,))


def _taken(stream: StreamModel) -> _Taken:
    root = _Taken()
    for path in (*(part.path for part in stream.key), *([stream.leave_out.path] if stream.leave_out else [])):
        if path.names:
            root.at(path.names).whole = True
    for table in stream.tables.values():
        here = root
        if table.each is not None:
            holder = root.at(table.each.names)
            holder.elements = here = holder.elements or _Taken()
        for column in table.columns.values():
            if column.path is not None:
                node = (root if column.path.up else here).at(column.path.names)
                if column.using is not None and not column.path.names:
                    node.function = True  # it is given all of the object, and may read little of it
                else:
                    node.whole = True
    if any(table.rest for table in stream.tables.values()):
        _add_rest(root)
    return root


def _add_rest(node: _Taken) -> None:
    """The rest is what no column names, also inside of objects, but not inside of lists that become rows."""
    node.rest = True
    for inner in node.members.values():
        if inner.elements is None:
            _add_rest(inner)


def _left(value: Any, node: _Taken, path: str, *, perhaps: bool) -> Iterator[tuple[str, bool]]:  # noqa: ANN401 - any JSON value
    if node.whole or value is None:
        return
    if isinstance(value, dict) and node.elements is None:
        for name, inner in value.items():
            below = node.members.get(name)
            if below is not None:
                yield from _left(inner, below, path + _step(name), perhaps=perhaps or below.function)
            elif not node.rest:
                yield path + _step(name), perhaps
    elif isinstance(value, list) and node.elements is not None:
        for element in value:
            yield from _left(element, node.elements, f"{path}[*]", perhaps=perhaps or node.elements.function)
    else:
        yield path, perhaps
