"""JSON columns: any value, and the rest of a document that no column takes."""

import math
from decimal import Decimal
from typing import Any

import msgspec

from migration_core.target import TargetColumn
from migration_core.values.field import Field
from migration_core.values.quick import Convert
from migration_core.values.text import string

_encode = msgspec.json.Encoder(decimal_format="number").encode
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
_LEAVES = frozenset({str, bool, int, Decimal})
_SURE_LENGTH, _SURE_EXPONENT = 16, 290
"""A fraction so short has at most 15 digits, which every double of that size gives back unchanged."""

Tree = dict[str, "Tree | None"]
"""Names that columns take; None where the whole member is taken."""


def json_value(field: Field, column: TargetColumn | None) -> Convert:
    """JSON text of any value; in a JSON column, numbers that MySQL would change are refused."""
    as_text = column is not None and column.data_type != "json"
    fitting = string(field, column, coerce=False, control=True) if as_text else None

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        _check(field, value, as_text)
        found = _encode(value).decode()
        return found if fitting is None else fitting(found)

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


def _check(field: Field, node: Any, as_text: bool) -> None:  # noqa: ANN401 - any JSON value
    kind = node.__class__
    if kind is dict or kind is list:
        for value in node.values() if kind is dict else node:
            inner = value.__class__
            # Most values are text; a call for each would cost more than all the rest.
            if inner is not str and inner is not bool and value is not None:
                _check(field, value, as_text)
    elif kind is float:
        if not math.isfinite(node):  # JSON has none, a column function may
            raise field.reject("NUM_OVERFLOW", "JSON has no such number")
    elif kind not in _LEAVES:
        raise TypeError(f"{kind.__name__} is no JSON")  # from a column function; a set has no order
    elif not as_text:
        _check_stored(field, node)


def _check_stored(field: Field, node: object) -> None:
    """MySQL keeps numbers in JSON as 64-bit integers or doubles: refuse those that would silently change."""
    match node:
        case int() if not _SMALLEST <= node <= _LARGEST:
            raise field.reject("NUM_RANGE", "JSON in MySQL holds integers of 64 bits", node)
        case Decimal():
            _check_double(field, node)


def _check_double(field: Field, number: Decimal) -> None:
    if len(str(number)) <= _SURE_LENGTH and -_SURE_EXPONENT < number.adjusted() < _SURE_EXPONENT:
        return
    nearest = float(number)
    if math.isinf(nearest):
        raise field.reject("NUM_OVERFLOW", "larger than any number of JSON in MySQL", number)
    if Decimal(repr(nearest)) != number:
        raise field.reject("NUM_PRECISION", "JSON in MySQL holds fractions as doubles", number)
