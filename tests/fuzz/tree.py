"""Changes of a good document by bytes, so that a fuzzer reaches what stands behind its shape."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

_Place = tuple[Any, Any]
"""(object or list, name or number in it)."""


def changed(good: Any, data: bytes, values: Sequence[object]) -> Any:
    """Each two bytes say which member of `good`, and what becomes of it."""
    tree = deepcopy(good)
    for where, what in zip(data[::2], data[1::2], strict=False):
        places = list(_places(tree))
        if not places:
            break
        holder, name = places[where % len(places)]
        if what < len(values):
            holder[name] = deepcopy(values[what])
        elif what % 3 == 0:
            del holder[name]
        else:
            other, its = places[what % len(places)]
            holder[name] = deepcopy(other[its])
    return tree


def _places(node: Any) -> Iterator[_Place]:
    names = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for name in names:
        yield node, name
        yield from _places(node[name])
