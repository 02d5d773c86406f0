"""JSON columns: any value, and the rest of a document that no column takes."""

from typing import Any

import msgspec

from migration_core.values.field import Field
from migration_core.values.numbers import check_json_numbers
from migration_core.values.text import Convert

_encode = msgspec.json.Encoder(decimal_format="number").encode

Tree = dict[str, "Tree | None"]
"""Names that columns take; None where the whole member is taken."""


def json_value(field: Field) -> Convert:
    """JSON text of any value; numbers that MySQL would change are refused."""

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        check_json_numbers(field, value)
        return _encode(value).decode()

    return convert


def add_path(tree: Tree, names: tuple[str, ...]) -> None:
    """Take the member at `names` out of the rest."""
    for name in names[:-1]:
        inner = tree.setdefault(name, {})
        if inner is None:
            return
        tree = inner
    if names:
        tree[names[-1]] = None


def remainder(document: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """The members that `tree` does not take; an object of which nothing is left is left out as well."""
    left = {}
    for name, value in document.items():
        if name not in tree:
            left[name] = value
            continue
        inner = tree[name]
        if inner is not None and type(value) is dict and (some := remainder(value, inner)):
            left[name] = some
    return left
