"""JSON merge patches (RFC 7396): null removes, objects merge, everything else replaces."""

from collections.abc import Mapping


def merge(document: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """A new document; neither argument is changed."""
    merged = dict(document)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged
