"""Which types a column of the processed schema takes, and what a column's options must not say."""

from difflib import get_close_matches

from migration_core.errors import Rejected
from migration_core.mapping.kinds import Kind
from migration_core.mapping.model import ColumnModel, ColumnType
from migration_core.target import TargetColumn
from migration_core.values import text
from migration_core.values.field import Field

INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
TEXTS = ("varchar", "char", "tinytext", "text", "mediumtext", "longtext")
_BYTES = ("varbinary", "binary", "tinyblob", "blob", "mediumblob", "longblob")
_MOMENTS = ("datetime", "timestamp")
_FITS: dict[ColumnType, tuple[str, ...]] = {
    "string": (*TEXTS, *_BYTES),
    "int": (*INTEGERS, "decimal", "year"),
    "decimal": ("decimal",),
    "double": ("double", "float"),
    "bool": INTEGERS,
    "epoch_s": _MOMENTS,
    "epoch_ms": _MOMENTS,
    "epoch_us": _MOMENTS,
    "iso8601": _MOMENTS,
    "date": ("date",),
    "time": ("time",),
    "enum": ("enum", *TEXTS),
    "json": ("json", *TEXTS),
    "bytes": _BYTES,
}
KINDS: dict[ColumnType, Kind] = {
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
    "time": Kind.TIME,
    "enum": Kind.TEXT,
    "json": Kind.JSON,
    "bytes": Kind.BYTES,
}
_BY_DATA_TYPE: dict[str, ColumnType] = {
    **dict.fromkeys(INTEGERS, "int"),
    **dict.fromkeys(TEXTS, "string"),
    "decimal": "decimal",
    "double": "double",
    "float": "double",
    "json": "json",
    "enum": "enum",
    "date": "date",
    "time": "time",
    "year": "int",
}
_OPTION_OF: dict[str, ColumnType] = {"values": "enum", "encoding": "bytes", "zone": "iso8601", "control": "string"}


def column_type(model: ColumnModel, column: TargetColumn | None) -> ColumnType:
    """The declared type, or the one that the column's own type names; ValueError says what to write."""
    if model.source is not None:
        return _source_type(model, column)
    if model.type is None:
        return "string" if column is None else _own_type(column)
    if column is not None and column.data_type not in _FITS[model.type]:
        fitting = [name for name, fits in _FITS.items() if column.data_type in fits]
        told = f"type: {' or '.join(fitting)}" if fitting else "another column, since none does"
        raise ValueError(f"type {model.type} does not fit a {column.data_type} column; write {told}")
    return model.type


def checked_options(kind: ColumnType, model: ColumnModel, column: TargetColumn | None) -> None:
    """ValueError for an option that means nothing for the type, or that the column cannot follow."""
    for option, owner in _OPTION_OF.items():
        if option in model.model_fields_set and kind != owner:
            raise ValueError(f"{option} means nothing for type {kind}; leave it out, or write type: {owner}")
    if kind == "enum":
        _check_words(model, column)
    if kind == "double" and column is not None and column.scale is not None:
        raise ValueError(f"a {column.data_type} column with {column.scale} digits rounds; change it to DECIMAL")


def _own_type(column: TargetColumn) -> ColumnType:
    found = _BY_DATA_TYPE.get(column.data_type)
    if found is not None:
        return found
    fitting = [name for name, fits in _FITS.items() if column.data_type in fits]
    if not fitting:
        raise ValueError(f"no type fits a {column.data_type} column; leave it out, or change the column")
    raise ValueError(f"a {column.data_type} column needs a type; write type: {' or '.join(fitting)}")


def _source_type(model: ColumnModel, column: TargetColumn | None) -> ColumnType:
    data_type = column.data_type if column else None
    if model.source == "topic":
        if data_type not in (None, *TEXTS):
            raise ValueError(f"source topic is text, the column is {data_type}; change it to VARCHAR(249)")
        return "string"
    if model.source == "time" and data_type in (None, *_MOMENTS):
        return "epoch_ms"
    wanted = ("int", "bigint") if model.source == "partition" else ("bigint",)
    if data_type not in (None, *wanted):
        raise ValueError(f"source {model.source} is a number of 64 bits; change the column to BIGINT")
    return "int"


def _check_words(model: ColumnModel, column: TargetColumn | None) -> None:
    """A word that the column does not have would be a reject for each record."""
    if model.values is None:
        if column is not None and not column.enum_values:
            raise ValueError(f"a {column.data_type} column names no words; write values: {{legacy: ours}}")
        return
    for word in dict.fromkeys(model.values.values()):
        if column is not None and column.enum_values:
            if word not in column.enum_values:
                near = get_close_matches(word, column.enum_values, n=1)
                told = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(column.enum_values)}"
                raise ValueError(f"the column has no word {word!r}; {told}")
            continue
        try:
            text.string(Field(""), column, coerce=False, control=True)(word)
        except Rejected as error:
            raise ValueError(f"the word {word!r} does not fit the column: {error.reason.detail}") from error
