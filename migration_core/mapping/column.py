"""One column of a mapping: which kind its values are, and the function that makes them."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from migration_core.errors import Rejected
from migration_core.mapping.column_type import KINDS, checked_options, column_type
from migration_core.mapping.kinds import Kind
from migration_core.mapping.model import ColumnModel, ColumnType
from migration_core.target import TargetColumn
from migration_core.values import moments, numbers, text
from migration_core.values.field import Field
from migration_core.values.json_value import json_value
from migration_core.values.quick import Convert, Quick, calling

MISSING: Any = type("Missing", (), {"__repr__": lambda _self: "MISSING"})()
"""Stands for a member that is not there, which is not the same as null."""

Resolve = Callable[[str], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column is filled; `convert` takes a JSON value, null or MISSING."""

    name: str
    model: ColumnModel
    kind: Kind
    convert: Convert
    quick: Quick | None = None
    """For most values, the same without a call."""
    empty: bool = False
    """Whether absent and null are simply NULL."""


def plan_column(
    name: str, model: ColumnModel, column: TargetColumn | None, path: str, resolve: Resolve, *, control: bool = True
) -> ColumnPlan:
    """Compile one column; `path` is absolute, for rejects. ValueError says what to write instead."""
    kind = column_type(model, column)
    checked_options(kind, model, column)
    field = Field(path)
    control = control if model.control is None else model.control == "accept"
    convert, quick = _converter(kind, model, column, field, control=control)
    needed = model.required or (column is not None and not column.nullable)
    if "constant" in model.model_fields_set:
        value = _fitting(convert, model.constant, "constant")
        if value is None and needed:
            raise ValueError("the column needs a value; write a constant other than null")
        return ColumnPlan(name, model, KINDS[kind], lambda _value: value)
    default = _fitting(convert, model.default, "default")
    using = resolve(model.using) if model.using else None
    whole = _guarded(convert, field, default, using, needed=needed)
    if using is not None or model.source is not None:
        return ColumnPlan(name, model, KINDS[kind], whole)
    return ColumnPlan(name, model, KINDS[kind], whole, quick, empty=not needed and default is None)


def _fitting(convert: Convert, value: object, what: str) -> Any:  # noqa: ANN401 - the column's type
    try:
        return None if value is None else convert(value)
    except Rejected as error:
        raise ValueError(f"its {what} does not fit the column: {error.reason.detail}; write another") from error


def _converter(
    kind: ColumnType, model: ColumnModel, column: TargetColumn | None, field: Field, *, control: bool
) -> tuple[Convert, Quick | None]:
    match kind:
        case "string":
            convert = text.string(field, column, coerce=model.coerce, control=control)
            return convert, text.quick_string(column, control=control) or calling(str, convert)
        case "enum":
            return text.enum(field, column, model.values)
        case "bytes":
            convert = text.binary(field, column, model.encoding)
            return convert, calling(str, convert)
        case "json":
            convert = json_value(field, column)
            return convert, calling(dict, convert)
        case "int" | "decimal" | "double" | "bool":
            return _number(kind, column, field, coerce=model.coerce)
    return _moment(kind, model, column, field)


def _number(kind: ColumnType, column: TargetColumn | None, field: Field, *, coerce: bool) -> tuple[Convert, Quick]:
    match kind:
        case "int":
            return numbers.integer(field, column, coerce=coerce), numbers.quick_integer(column)
        case "bool":
            return numbers.boolean(field, coerce=coerce), numbers.QUICK_BOOLEAN
        case "double":
            convert = numbers.double(field, column, coerce=coerce)
        case _:
            convert = numbers.decimal(field, column, coerce=coerce)
    return convert, calling(Decimal, convert)


def _moment(
    kind: ColumnType, model: ColumnModel, column: TargetColumn | None, field: Field
) -> tuple[Convert, Quick | None]:
    match kind:
        case "iso8601":
            convert = moments.iso8601(field, column, assume_utc=model.zone == "utc")
        case "date":
            convert = moments.day(field)
        case "time":
            convert = moments.time_of_day(field, column)
        case _ if model.source == "time":
            return moments.millis(field, column), None
        case _:
            return moments.epoch(field, column, kind, coerce=model.coerce)
    return convert, calling(str, convert)


def _guarded(
    convert: Convert, field: Field, default: object, using: Callable[..., Any] | None, *, needed: bool
) -> Convert:
    """Absent, null and the user's own function before the conversion itself."""
    called = None if using is None else _called(using, convert, field)

    def whole(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if value is MISSING:
            if default is None and needed:
                raise field.reject("FIELD_MISSING", "the member is absent")
            return default
        found = None
        if value is not None:
            found = convert(value) if called is None else called(value)
        if found is None and needed:
            raise field.reject("FIELD_NULL", "null, where the column needs a value")
        return found

    return whole


def _called(using: Callable[..., Any], convert: Convert, field: Field) -> Convert:
    def called(value: Any) -> Any:  # noqa: ANN401 - the user's function
        try:
            found = using(value)
            if found is None:
                return None
            _check_possible(found)
        except Rejected as error:
            raise field.reject(error.reason.code, error.reason.detail, value) from error
        except MemoryError:
            raise  # of the process, whose fault no record is: it ends, and one that ends it every time is poison
        except Exception as error:
            # The value broke the function, so the value is rejected; the function's own words could quote it.
            raise field.reject("FUNCTION_FAILED", f"{type(error).__name__} in the column function", value) from error
        try:
            return convert(found)
        except (TypeError, ValueError, ArithmeticError) as error:
            detail = f"the column function gave a {type(found).__name__} that no JSON holds"
            raise field.reject("FUNCTION_FAILED", detail, value) from error

    return called


def _check_possible(found: object) -> None:
    """A function can make what no JSON text holds; ValueError for it."""
    if type(found) is str and not found.isascii():
        found.encode()
    elif type(found) is Decimal and not found.is_finite():
        raise ValueError("no number")
