"""Numbers, exactly: no float on the way to a decimal, no value cut to fit."""

import math
import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from migration_core.target import TargetColumn
from migration_core.values.field import Field
from migration_core.values.text import Convert

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_DIGITS = re.compile(r"-?(?:0|[1-9]\d{0,19})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LARGEST_EXPONENT = 308
_LARGEST = {"float": 3.4028234663852886e38}
_LONG = Context(prec=130)
_TRUE = {1: 1, "1": 1, "true": 1, 0: 0, "0": 0, "false": 0}


def integer_range(column: TargetColumn | None) -> tuple[int, int]:
    """The smallest and the largest value that the column holds."""
    bits = _BITS.get(column.data_type if column else "", 64)
    if column is not None and column.unsigned:
        return 0, (1 << bits) - 1
    return -(1 << bits - 1), (1 << bits - 1) - 1


def integer(field: Field, column: TargetColumn | None, *, coerce: bool) -> Convert:
    """Whole numbers within the column's range."""
    low, high = integer_range(column)

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not int:
            value = _as_integer(field, value) if coerce else _refuse(field, "an integer", value)
        if not low <= value <= high:
            raise field.reject("NUM_RANGE", f"outside {low}..{high}", value)
        return int(value)

    return convert


def decimal(field: Field, column: TargetColumn | None, *, coerce: bool) -> Convert:
    """Fixed-point numbers that the column holds without rounding; -0 is 0."""
    precision, scale = (column.precision or 65, column.scale or 0) if column else (65, 30)
    step, limit = Decimal(1).scaleb(-scale), Decimal(1).scaleb(precision - scale)
    unsigned = column is not None and column.unsigned

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        number = _as_decimal(field, value, coerce=coerce)
        if number.adjusted() > _LARGEST_EXPONENT:
            raise field.reject("NUM_OVERFLOW", "larger than any number of MySQL", value)
        if abs(number) >= limit or (unsigned and number < 0):
            raise field.reject("NUM_RANGE", f"the column holds {precision - scale} digits before the point", value)
        try:
            exact = number.quantize(step)
        except InvalidOperation:
            exact = _LONG.quantize(number, step)
        if exact != number:
            raise field.reject("NUM_PRECISION", f"the column holds {scale} digits behind the point", value)
        return abs(exact) if exact == 0 else exact

    return convert


def double(field: Field, column: TargetColumn | None, *, coerce: bool) -> Convert:
    """Floating-point numbers: the nearest one that the column holds."""
    largest = _LARGEST.get(column.data_type if column else "", math.inf)

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        number = _as_decimal(field, value, coerce=coerce)
        found = float(number)
        if math.isinf(found) or abs(found) > largest:
            raise field.reject("NUM_OVERFLOW", "larger than any number of the column", value)
        return found + 0.0  # -0.0 becomes 0.0

    return convert


def boolean(field: Field, *, coerce: bool) -> Convert:
    """true and false; with `coerce` also 1, 0 and the words."""

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if value is True or value is False:
            return int(value)
        found = _TRUE.get(value) if coerce and type(value) in (int, str) else None
        if found is None:
            _refuse(field, "a boolean", value)
        return int(found or 0)

    return convert


def check_json_numbers(field: Field, node: Any) -> None:  # noqa: ANN401 - JSON in, the column's type out
    """MySQL keeps numbers in JSON as 64-bit integers or doubles: refuse those that would silently change."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case dict() as pairs:
                waiting += pairs.values()
            case list() as items:
                waiting += items
            case Decimal() as number:
                _check_double(field, number)
            case bool():
                pass
            case int() as number if not -(1 << 63) <= number < 1 << 64:
                raise field.reject("NUM_RANGE", "JSON in MySQL holds integers of 64 bits", number)


def _check_double(field: Field, number: Decimal) -> None:
    nearest = float(number)
    if math.isinf(nearest):
        raise field.reject("NUM_OVERFLOW", "larger than any number of JSON in MySQL", number)
    if Decimal(repr(nearest)) != number:
        raise field.reject("NUM_PRECISION", "JSON in MySQL holds fractions as doubles", number)


def _as_integer(field: Field, value: object) -> int:
    match value:
        case bool():
            return int(value)
        case str() if _DIGITS.fullmatch(value):
            return int(value)
        case Decimal() if value.adjusted() < 20 and value == value.to_integral_value():  # noqa: PLR2004 - digits
            return int(value)
    return int(_refuse(field, "an integer", value))


def _as_decimal(field: Field, value: object, *, coerce: bool) -> Decimal:
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    if coerce and type(value) is str and _NUMBER.fullmatch(value):
        return Decimal(value)
    return Decimal(_refuse(field, "a number", value))


def _refuse(field: Field, wanted: str, value: object) -> Any:  # noqa: ANN401 - never returns
    raise field.reject("TYPE_MISMATCH", f"not {wanted}", value)
