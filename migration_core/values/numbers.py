"""Numbers, exactly: no float on the way to a decimal, no value cut to fit."""

import math
import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import Any

from migration_core.errors import Rejected
from migration_core.target import TargetColumn
from migration_core.values.field import Field
from migration_core.values.quick import Convert, Quick

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_YEARS = (1901, 2155)
"""Of a YEAR column, which would take 70 for 1970."""
_DIGITS = re.compile(r"-?(?:0|[1-9]\d{0,19})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LARGEST_EXPONENT = 308
_SINGLE = (7.1e-46, 3.4028234663852886e38)
"""What a FLOAT column holds: the smallest number that does not become 0, and the largest."""
_TRUE = {1: 1, "1": 1, "true": 1, 0: 0, "0": 0, "false": 0}


def integer_range(column: TargetColumn | None) -> tuple[int, int]:
    """The smallest and the largest whole number that the column holds."""
    kind = column.data_type if column else ""
    if kind == "year":
        return _YEARS
    if kind == "decimal" and column is not None:
        largest = 10 ** ((column.precision or 65) - (column.scale or 0)) - 1
        return (0 if column.unsigned else -largest), largest
    bits = _BITS.get(kind, 64)
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


def quick_integer(column: TargetColumn | None) -> Quick:
    """Whole numbers in range."""
    low, high = integer_range(column)
    return Quick(f"{{v}}.__class__ is int and {low} <= {{v}} <= {high}")


def decimal(field: Field, column: TargetColumn | None, *, coerce: bool) -> Convert:
    """Fixed-point numbers that the column holds without rounding; -0 is 0."""
    precision, scale = (column.precision or 65, column.scale or 0) if column else (65, 30)
    step = Decimal(1).scaleb(-scale)
    zero = Decimal(0).quantize(step)
    unsigned = column is not None and column.unsigned
    # As many digits as the column has: more is an InvalidOperation, a digit lost is Inexact.
    exactly = Context(prec=precision, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation, Inexact]).quantize

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        number = value if value.__class__ is Decimal else _as_decimal(field, value, coerce=coerce)
        try:
            exact = exactly(number, step)
        except (InvalidOperation, Inexact):
            raise _misfit(field, number, precision - scale, scale) from None
        if unsigned and exact < 0:
            raise field.reject("NUM_RANGE", "below 0, and the column is unsigned", value)
        return exact or zero

    return convert


def double(field: Field, column: TargetColumn | None, *, coerce: bool) -> Convert:
    """Floating-point numbers: the nearest one that the column holds."""
    single = column is not None and column.data_type == "float"
    smallest, largest = _SINGLE if single else (0.0, math.inf)
    unsigned = column is not None and column.unsigned

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        number = _as_decimal(field, value, coerce=coerce)
        found = float(number)
        if math.isinf(found) or abs(found) > largest:
            raise field.reject("NUM_OVERFLOW", "larger than any number of the column", value)
        if number and (found == 0 or abs(found) < smallest):
            raise field.reject("NUM_PRECISION", "smaller than any number of the column, and not 0", value)
        if unsigned and found < 0:
            raise field.reject("NUM_RANGE", "below 0, and the column is unsigned", value)
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


QUICK_BOOLEAN = Quick("{v} is True or {v} is False", "+{v}")


def _misfit(field: Field, number: Decimal, before: int, behind: int) -> Rejected:
    if number.adjusted() > _LARGEST_EXPONENT:
        return field.reject("NUM_OVERFLOW", "larger than any number of MySQL", number)
    if number.copy_abs() >= Decimal(1).scaleb(before):
        return field.reject("NUM_RANGE", f"the column holds {before} digits before the point", number)
    return field.reject("NUM_PRECISION", f"the column holds {behind} digits behind the point", number)


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
