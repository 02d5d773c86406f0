"""One column of a mapping: which kind its values are, and the function that makes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migration_core.errors import Rejected
from migration_core.mapping.kinds import Kind
from migration_core.mapping.model import ColumnModel, ColumnType
from migration_core.target import TargetColumn
from migration_core.values import moments, numbers, text
from migration_core.values.field import Field
from migration_core.values.json_value import json_value
from migration_core.values.text import Convert

MISSING: Any = type("Missing", (), {"__repr__": lambda _self: "MISSING"})()
"""Stands for a member that is not there, which is not the same as null."""

Resolve = Callable[[str], Callable[..., Any]]

_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_MOMENTS = ("datetime", "timestamp")
_FITS: dict[ColumnType, tuple[str, ...]] = {
    "string": (*_TEXTS, *_BYTES, "time"),
    "int": (*_INTEGERS, "decimal", "year"),
    "decimal": ("decimal",),
    "double": ("double", "float"),
    "bool": ("tinyint", "smallint", "int", "bit"),
    "epoch_s": _MOMENTS,
    "epoch_ms": _MOMENTS,
    "epoch_us": _MOMENTS,
    "iso8601": _MOMENTS,
    "date": ("date",),
    "enum": ("enum", *_TEXTS),
    "json": ("json", *_TEXTS),
    "bytes": _BYTES,
}
_KINDS: dict[ColumnType, Kind] = {
    "string": Kind.TEXT,
    "int": Kind.INT,
    "decimal": Kind.DECIMAL,
    "double": Kind.DOUBLE,
    "bool": Kind.INT,
    "epoch_s": Kind.DATETIME,
    "epoch_ms": Kind.DATETIME,
    "epoch_us": Kind.DATETIME,
    "iso8601": Kind.DATETIME,
    "date": Kind.DATE,
    "enum": Kind.TEXT,
    "json": Kind.JSON,
    "bytes": Kind.BYTES,
}
_BY_DATA_TYPE: dict[str, ColumnType] = {
    **dict.fromkeys(_INTEGERS, "int"),
    **dict.fromkeys(_TEXTS, "string"),
    "decimal": "decimal",
    "double": "double",
    "float": "double",
    "json": "json",
    "enum": "enum",
    "date": "date",
    "time": "string",
    "year": "int",
}


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column is filled; `convert` takes a JSON value, null or MISSING."""

    name: str
    model: ColumnModel
    kind: Kind
    convert: Convert
    plain_text: int | None = None
    """Any str up to this length goes in unchanged, without a call."""
    plain_integer: tuple[int, int] | None = None
    """Any int of this range goes in unchanged, without a call."""


def column_type(model: ColumnModel, column: TargetColumn | None) -> ColumnType:
    """The declared type, or the one that the column's own type names; ValueError says what to write."""
    if model.source is not None:
        return _source_type(model, column)
    if model.type is None:
        if column is None:
            return "string"
        found = _BY_DATA_TYPE.get(column.data_type)
        if found is None:
            fitting = [name for name, fits in _FITS.items() if column.data_type in fits]
            raise ValueError(
                f"a {column.data_type} column needs a type; write type: {' or '.join(fitting) or 'string'}"
            )
        return found
    if column is not None and column.data_type not in _FITS[model.type]:
        raise ValueError(
            f"type {model.type} does not fit the column's {column.data_type}; "
            f"write one that does, or change the column to {_FITS[model.type][0]}"
        )
    return model.type


def plan_column(name: str, model: ColumnModel, column: TargetColumn | None, path: str, resolve: Resolve) -> ColumnPlan:
    """Compile one column; `path` is absolute, for rejects."""
    kind_of = column_type(model, column)
    field = Field(path)
    convert = _converter(kind_of, model, column, field)
    if model.constant is not None:
        value = convert(model.constant)
        return ColumnPlan(name, model, _KINDS[kind_of], lambda _value: value)
    quick = model.using is None and not model.source
    using = resolve(model.using) if model.using else None
    whole = _guarded(convert, model, column, field, using)
    return ColumnPlan(
        name,
        model,
        _KINDS[kind_of],
        whole,
        plain_text=text.longest_plain(column) if quick and kind_of == "string" else None,
        plain_integer=numbers.integer_range(column) if quick and kind_of == "int" else None,
    )


def _source_type(model: ColumnModel, column: TargetColumn | None) -> ColumnType:
    if model.source == "topic":
        return "string"
    if model.source == "time" and (column is None or column.data_type in _MOMENTS):
        return "epoch_ms"
    if column is not None and column.data_type not in _INTEGERS:
        raise ValueError(f"source {model.source} is a number; change the column to BIGINT")
    return "int"


def _converter(kind: ColumnType, model: ColumnModel, column: TargetColumn | None, field: Field) -> Convert:  # noqa: C901, PLR0911 - one case a type
    match kind:
        case "string":
            return text.string(field, column, coerce=model.coerce)
        case "int":
            return numbers.integer(field, column, coerce=model.coerce)
        case "decimal":
            return numbers.decimal(field, column, coerce=model.coerce)
        case "double":
            return numbers.double(field, column, coerce=model.coerce)
        case "bool":
            return numbers.boolean(field, coerce=model.coerce)
        case "epoch_s" | "epoch_ms" | "epoch_us":
            if model.source == "time":
                return moments.millis(field, column)
            return moments.epoch(field, column, kind, coerce=model.coerce)
        case "iso8601":
            return moments.iso8601(field, column, assume_utc=model.zone == "utc")
        case "date":
            return moments.day(field)
        case "enum":
            return text.enum(field, column, model.values)
        case "json":
            return json_value(field)
        case "bytes":
            return text.binary(field, column, model.encoding)


def _guarded(
    convert: Convert, model: ColumnModel, column: TargetColumn | None, field: Field, using: Callable[..., Any] | None
) -> Convert:
    """Absent, null and the user's own function before the conversion itself."""
    needed = model.required or (column is not None and not column.nullable)
    default = convert(model.default) if model.default is not None else None

    def whole(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if value is MISSING:
            if default is None and needed:
                raise field.reject("FIELD_MISSING", "the member is absent")
            return default
        if value is not None and using is not None:
            value = _called(using, value, field)
        if value is None:
            if needed:
                raise field.reject("FIELD_NULL", "null, where the column needs a value")
            return None
        return convert(value)

    return whole


def _called(using: Callable[..., Any], value: Any, field: Field) -> Any:  # noqa: ANN401 - the user's function
    try:
        return using(value)
    except Rejected as error:
        raise field.reject(error.reason.code, error.reason.detail, value) from error
    except Exception as error:
        # The value broke the user's function, so the value is rejected; the function's own words could quote it.
        raise field.reject("FUNCTION_FAILED", f"{type(error).__name__} in the column function", value) from error
