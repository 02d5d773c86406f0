"""The shape of `migration.yaml`: which keys there are and what each may hold."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from migration_core.key import KeyType
from migration_core.lane import DEFAULT_LANES
from migration_core.mapping.path import JsonPath, parse_path

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

ColumnType = Literal[
    "string", "int", "decimal", "double", "bool", "epoch_s", "epoch_ms", "epoch_us", "iso8601", "date", "time", "enum",
    "json", "bytes",
]  # fmt: skip
SourcePart = Literal["topic", "partition", "offset", "sequence", "time"]
Control = Literal["accept", "reject"]


def _path(value: object) -> JsonPath:
    if not isinstance(value, str):
        raise ValueError("a path is text; write $.name instead")  # noqa: TRY004 - pydantic collects ValueError
    return parse_path(value)


def _member_path(value: object) -> JsonPath:
    path = _path(value)
    if path.each or path.up or not path.names:
        raise ValueError(f"{path} does not lead from the document to one member; write $.name instead")
    return path


def _document_path(value: object) -> JsonPath:
    return JsonPath(0, ()) if value == "$" else _member_path(value)


def _list_path(value: object) -> JsonPath:
    path = _path(value)
    if not path.each or path.up:
        raise ValueError(f"{path} does not lead to the elements of a list; write $.name[*] instead")
    return path


def _record_key(value: object) -> object:
    if value == "text":
        return value
    return [_member_path(part) for part in value] if isinstance(value, list) else [_member_path(value)]


def _constant(value: object) -> object:
    if value is None or isinstance(value, (str, int)):
        return value
    raise ValueError("neither text, nor a whole number, true, false or null; write it in quotes instead")


def _parameter(value: object) -> object:
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError("neither text, nor a number, true, false or null; write it in quotes instead")


def _function(value: str) -> str:
    if not _FUNCTION.fullmatch(value):
        raise ValueError(f"{value!r} names no function; write package.module:function instead")
    return value


PathField = Annotated[JsonPath, BeforeValidator(_path)]
MemberPath = Annotated[JsonPath, BeforeValidator(_member_path)]
DocumentPath = Annotated[JsonPath, BeforeValidator(_document_path)]
ListPath = Annotated[JsonPath, BeforeValidator(_list_path)]
RecordKey = Annotated[list[JsonPath] | Literal["text"] | None, BeforeValidator(_record_key)]
Constant = Annotated[str | int | bool | None, BeforeValidator(_constant)]
FunctionField = Annotated[str, AfterValidator(_function)]
Parameter = Annotated[str | int | float | bool | None, BeforeValidator(_parameter)]


class _Part(BaseModel):
    # Strict, so that `lanes: true` or `required: "no"` is a fault and not a guess.
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=False, strict=True
    )


class ColumnModel(_Part):
    """Where one column's value comes from; exactly one of `path`, `constant` and `source`."""

    path: PathField | None = None
    constant: Constant = None
    source: SourcePart | None = None
    type: ColumnType | None = None
    """Left out, the column's own type in the processed schema decides."""
    required: bool = False
    default: Constant = None
    using: FunctionField | None = None
    encoding: Literal["base64", "hex"] = "base64"
    coerce: bool = False
    zone: Literal["required", "utc"] = "required"
    """What a time without an offset means: a reject, or UTC."""
    values: dict[str, str] | None = None
    """Of an enum: legacy word to the column's word."""
    control: Control | None = None
    """Whether text may hold control characters; left out, what the stream says."""
    public: bool = False


class KeyModel(_Part):
    """One part of an entity's key."""

    path: MemberPath
    type: KeyType | None = None
    """Left out, the type that a column of the same path declares, else string."""


class TableModel(_Part):
    """One table that a document becomes rows of."""

    key: list[str]
    each: ListPath | None = None
    columns: dict[str, ColumnModel]
    rest: str | None = None


class OpModel(_Part):
    """The word that says what happened, and what the words mean."""

    path: MemberPath
    image: list[str] = []
    merge: list[str] = []
    delete: list[str] = []


class FilterModel(_Part):
    """Which documents are left out; what their key had before is deleted."""

    path: DocumentPath = JsonPath(0, ())
    equals: list[Constant] | None = None
    using: FunctionField | None = None


class AssertionModel(_Part):
    """What documents and processed rows must agree on, counted on each side by its own means."""

    sql: str
    each: ListPath | None = None
    by: MemberPath | None = None
    sum: MemberPath | None = None


class StreamModel(_Part):
    """One kind of legacy record."""

    topic: list[str]
    format: str = "json"
    changes: Literal["full", "partial"] = "full"
    lanes: int = Field(DEFAULT_LANES, ge=1, le=4096)
    key: list[KeyModel]
    record_key: RecordKey = None
    op: OpModel | None = None
    document: DocumentPath = JsonPath(0, ())
    leave_out: FilterModel | None = Field(None, alias="filter")
    longest_record: int = Field(8 << 20, ge=1, le=1 << 30)
    validate_rows: Literal["all", "newest"] = Field("all", alias="validate")
    control: Control = "accept"
    tables: dict[str, TableModel]
    assertions: dict[str, AssertionModel] = {}

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics whose records this stream takes."""
        return tuple(self.topic)


class StatisticModel(_Part):
    """A table of the processed schema that one SELECT over other tables of it fills, on a schedule."""

    sql: str
    """The file that holds the SELECT, beside the mapping."""
    table: str
    schedule: str | None = None
    mode: Literal["full", "incremental"] = "full"
    parameters: dict[str, Parameter] = {}
    each: str | None = None
    """A query: the SELECT runs once for each of its rows, whose columns are parameters too."""
    stream: str | None = None
    """Of an incremental one: the stream whose changes it follows."""
    key: list[str] = []
    """Its columns of the SELECT that hold the stream's key."""
    members: str | None = None
    """The table that keeps what each entity counts for."""
    indexes: dict[str, list[str]] = {}
    scan_rows: int | None = Field(None, ge=0)
    sort_rows: int | None = Field(None, ge=0)


class MappingModel(_Part):
    """The whole file."""

    target_schema: str
    streams: dict[str, StreamModel]
    statistics: dict[str, StatisticModel] = {}

    @property
    def statistic_tables(self) -> tuple[str, ...]:
        """Those that statistics fill."""
        return tuple(name for one in self.statistics.values() for name in (one.table, one.members) if name is not None)


def model_at(loc: tuple[str | int, ...]) -> type[BaseModel]:
    """The part of the file that stands at `loc`, for hints on its keys."""
    match loc:
        case ("streams", _, "tables", _, "columns", _, *_):
            return ColumnModel
        case ("streams", _, "tables", _, *_):
            return TableModel
        case ("streams", _, "key", int(), *_):
            return KeyModel
        case ("streams", _, "op", *_):
            return OpModel
        case ("streams", _, "assertions", _, *_):
            return AssertionModel
        case ("streams", _, "filter", *_):
            return FilterModel
        case ("streams", _, *_):
            return StreamModel
    return StatisticModel if loc[:1] == ("statistics",) and len(loc) > 1 else MappingModel
