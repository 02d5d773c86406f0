"""The shape of `migration.yaml`, checked as a whole: every fault at once, each with its place and its remedy."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from migration_core.errors import ConfigError
from migration_core.key import KeyType
from migration_core.lane import DEFAULT_LANES
from migration_core.mapping.path import JsonPath, parse_path
from migration_core.mapping.source import YamlSource, read_yaml

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

ColumnType = Literal[
    "string", "int", "decimal", "double", "bool", "epoch_s", "epoch_ms", "epoch_us", "iso8601", "date", "enum", "json",
    "bytes",
]  # fmt: skip
SourcePart = Literal["topic", "partition", "offset", "sequence", "time"]


def _path(value: object) -> JsonPath:
    if isinstance(value, JsonPath):
        return value
    if not isinstance(value, str):
        raise ValueError("a path is text; write $.name instead")  # noqa: TRY004 - pydantic collects ValueError
    return parse_path(value)


def _function(value: str) -> str:
    if not _FUNCTION.fullmatch(value):
        raise ValueError(f"{value!r} names no function; write package.module:function instead")
    return value


PathField = Annotated[JsonPath, BeforeValidator(_path)]
FunctionField = Annotated[str, AfterValidator(_function)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)


class ColumnModel(_Part):
    """Where one column's value comes from; exactly one of `path`, `constant` and `source`."""

    path: PathField | None = None
    constant: str | int | bool | None = None
    source: SourcePart | None = None
    type: ColumnType | None = None
    """Left out, the column's own type in the processed schema decides."""
    required: bool = False
    default: str | int | bool | None = None
    using: FunctionField | None = None
    encoding: Literal["base64", "hex"] = "base64"
    coerce: bool = False
    zone: Literal["required", "utc"] = "required"
    """What a time without an offset means: a reject, or UTC."""
    values: dict[str, str] | None = None
    """Of an enum: legacy word to the column's word."""
    public: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> "ColumnModel":
        given = [name for name in ("path", "constant", "source") if name in self.model_fields_set]
        if len(given) != 1:
            raise ValueError("a column has one of path, constant and source; write {path: $.name} instead")
        return self


class KeyModel(_Part):
    """One part of an entity's key."""

    path: PathField
    type: KeyType | None = None
    """Left out, the type that a column of the same path declares, else string."""


class TableModel(_Part):
    """One table that a document becomes rows of."""

    key: list[str]
    each: PathField | None = None
    columns: dict[str, ColumnModel]
    rest: str | None = None


class OpModel(_Part):
    """The word that says what happened, and what the words mean."""

    path: PathField
    image: list[str] = []
    merge: list[str] = []
    delete: list[str] = []


class FilterModel(_Part):
    """Which documents are left out; what their key had before is deleted."""

    path: PathField | None = None
    equals: list[str | int | bool | None] = []
    using: FunctionField | None = None


class StreamModel(_Part):
    """One kind of legacy record."""

    topic: str | list[str]
    format: str = "json"
    changes: Literal["full", "partial"] = "full"
    lanes: int = Field(DEFAULT_LANES, ge=1, le=4096)
    key: list[KeyModel]
    record_key: list[PathField] | Literal["text"] | None = None
    op: OpModel | None = None
    document: PathField | None = None
    leave_out: FilterModel | None = Field(None, alias="filter")
    longest_record: int = Field(8 << 20, ge=1)
    validate_rows: Literal["all", "newest"] = Field("all", alias="validate")
    tables: dict[str, TableModel]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics whose records this stream takes."""
        return (self.topic,) if isinstance(self.topic, str) else tuple(self.topic)


class MappingModel(_Part):
    """The whole file."""

    target_schema: str
    streams: dict[str, StreamModel]


class Mapping:
    """A mapping whose shape is right; the file's places stay at hand for what is found later."""

    def __init__(self, model: MappingModel, source: YamlSource) -> None:
        self.model = model
        self.source = source
        plain = msgspec.json.encode(source.plain(), order="sorted")
        self.hash = sha256(plain).hexdigest()

    def fault(self, message: str, *loc: str | int) -> str:
        """`message` behind its place in the file."""
        return f"{self.source.place(loc)}: {message}"


def load_mapping(text: str, *, file: str) -> Mapping:
    """Read and check a mapping; ConfigError names every fault as `file:line:column: what; write … instead`."""
    source = read_yaml(text, file=file)
    plain = source.plain()
    _shorthands(plain)
    try:
        model = MappingModel.model_validate(plain)
    except ValidationError as error:
        faults = [_told(source, one) for one in error.errors(include_url=False, include_input=False)]
        raise ConfigError("\n".join(dict.fromkeys(faults))) from None
    mapping = Mapping(model, source)
    faults = list(_names(mapping))
    if faults:
        raise ConfigError("\n".join(faults))
    return mapping


def _shorthands(plain: Any) -> None:  # noqa: ANN401 - the file before it is checked
    """`id: $.userID` is a column with a path, `key: $.userID` a key of one part, `key: id` one column."""
    streams = plain.get("streams")
    for stream in streams.values() if isinstance(streams, dict) else ():
        if not isinstance(stream, dict):
            continue
        key = stream.get("key")
        parts = key if isinstance(key, list) else [] if key is None else [key]
        if parts:
            stream["key"] = [{"path": part} if isinstance(part, str) else part for part in parts]
        record_key = stream.get("record_key")
        if isinstance(record_key, str) and record_key != "text":
            stream["record_key"] = [record_key]
        tables = stream.get("tables")
        for table in tables.values() if isinstance(tables, dict) else ():
            if isinstance(table, dict):
                if isinstance(table.get("key"), str):
                    table["key"] = [table["key"]]
                columns = table.get("columns")
                if isinstance(columns, dict):
                    table["columns"] = {n: {"path": c} if isinstance(c, str) else c for n, c in columns.items()}


def _names(mapping: Mapping) -> Iterator[str]:
    """Names that would be unsafe or belong to two streams."""
    topics: dict[str, str] = {}
    tables: dict[str, str] = {}
    for name, stream in mapping.model.streams.items():
        if not _IDENTIFIER.fullmatch(name):
            yield mapping.fault(f"stream {name!r} is no name; write lower-case letters, digits and _", "streams", name)
        if stream.changes == "partial" and stream.format != "json":
            yield mapping.fault(f"format {stream.format} has full images only; write format: json", "streams", name)
        for topic in stream.topics:
            if topics.setdefault(topic, name) != name:
                message = f"topic {topic} belongs to stream {topics[topic]} already; one topic has one stream"
                yield mapping.fault(message, "streams", name, "topic")
        for table in stream.tables:
            if tables.setdefault(table, name) != name:
                message = f"table {table} is written by stream {tables[table]} already; one table has one stream"
                yield mapping.fault(message, "streams", name, "tables", table)


def _told(source: YamlSource, error: ErrorDetails) -> str:
    loc = tuple(part for part in error["loc"] if not (isinstance(part, str) and "[" in part))
    where, last = source.place(loc), str(loc[-1]) if loc else ""
    kind = error["type"]
    if kind == "extra_forbidden":
        near = get_close_matches(last, _ALL_KEYS, n=1)
        return f"{where}: {last!r} is no key here" + (f"; did you mean {near[0]!r}?" if near else "; leave it out")
    if kind == "missing":
        return f"{where}: {last!r} is missing; write it here"
    if kind == "literal_error":
        return f"{where}: {last}: write {error.get('ctx', {}).get('expected', 'another word')} instead"
    return f"{where}: {last}: {error['msg'].removeprefix('Value error, ')}"


_ALL_KEYS = sorted(
    {
        field.alias or name
        for model in (MappingModel, StreamModel, TableModel, ColumnModel, KeyModel, OpModel, FilterModel)
        for name, field in model.model_fields.items()
    }
)
