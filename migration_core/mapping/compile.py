"""From a checked mapping to functions, against the live processed schema; every fault at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migration_core.errors import ConfigError
from migration_core.formats import FormatOptions, record_format
from migration_core.key import KeyType
from migration_core.mapping.column import Resolve
from migration_core.mapping.compile_table import TableCompiler
from migration_core.mapping.coverage import left_by
from migration_core.mapping.filter import filter_function
from migration_core.mapping.keys import KeyReader
from migration_core.mapping.kinds import WriteMode
from migration_core.mapping.loading import Mapping
from migration_core.mapping.model import StreamModel
from migration_core.mapping.path import JsonPath
from migration_core.mapping.row_code import rows_function
from migration_core.mapping.stream import Assertion, CompiledMapping, CompiledStream
from migration_core.records import Op
from migration_core.target import TargetSchema


def compile_mapping(mapping: Mapping, *, schema: TargetSchema | None, functions: Resolve) -> CompiledMapping:
    """Compile all streams; without `schema` nothing is checked against the target, and every table is written REPLACE.

    `functions` finds `module:function`. ConfigError names every fault by its place.
    """
    faults: list[str] = []
    streams = {}
    for name, model in mapping.model.streams.items():
        compiled = _StreamCompiler(mapping, name, model, schema, functions, faults).compile()
        if compiled is not None:
            streams[name] = compiled
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    return CompiledMapping(mapping.model.target_schema, mapping.hash, streams)


@dataclass(slots=True)
class _StreamCompiler:
    mapping: Mapping
    name: str
    model: StreamModel
    schema: TargetSchema | None
    functions: Resolve
    faults: list[str]

    def compile(self) -> CompiledStream | None:
        """The stream, or None after adding its faults."""
        before = len(self.faults)
        key = self._key_parts()
        tables = TableCompiler(self.model, key, self.schema, self._resolved, self._fault)
        pairs = [pair for name, table in self.model.tables.items() if (pair := tables.compile(name, table)) is not None]
        leave_out = self._filter()
        if self.model.validate_rows == "newest" and any(table.mode is WriteMode.STRICT for table, _ in pairs):
            told = "a table with another unique index needs every row in its place; write validate: all"
            self._fault(told, "validate")
        if len(self.faults) > before:
            return None
        reader = record_format(self.model.format, self._options())
        return CompiledStream(
            name=self.name,
            topics=self.model.topics,
            lanes=self.model.lanes,
            partial=self.model.changes == "partial",
            format=self.model.format,
            tables=tuple(table for table, _ in pairs),
            keys=KeyReader(key, self.model.record_key, reader.documents()),
            reader=reader,
            transform=rows_function(tuple(plan for _, plan in pairs), leave_out),
            hash=self.mapping.hash_of(self.name),
            validates_newest_only=self.model.validate_rows == "newest",
            leave_out=leave_out,
            left=left_by(self.model),
            assertions=tuple(
                Assertion(name, one.sql, _names(one.each), _names(one.by), _names(one.sum))
                for name, one in self.model.assertions.items()
            ),
        )

    def _filter(self) -> Callable[[Any], bool] | None:
        if self.model.leave_out is None:
            return None
        try:
            return filter_function(self.model.leave_out, self._resolved("filter", "using"))
        except ConfigError:
            return None  # told by the resolver

    def _key_parts(self) -> list[tuple[JsonPath, KeyType]]:
        return [(part.path, part.type or self._declared_type(part.path)) for part in self.model.key]

    def _declared_type(self, path: JsonPath) -> KeyType:
        """The type that a column of this path declares; never the live schema's, since lanes must not depend on it."""
        for table in self.model.tables.values():
            wanted = JsonPath(0 if table.each is None else 1, path.names)
            for column in table.columns.values():
                if column.path == wanted and column.type == "int":
                    return "int"
        return "string"

    def _options(self) -> FormatOptions:
        op = self.model.op
        words: dict[str, Op] = {}
        if op is not None:
            for meaning, found in ((Op.IMAGE, op.image), (Op.MERGE, op.merge), (Op.DELETE, op.delete)):
                words.update(dict.fromkeys(found, meaning))
        return FormatOptions(
            partial=self.model.changes == "partial",
            op_path=op.path.names if op else None,
            ops=words,
            document=self.model.document.names,
            longest=self.model.longest_record,
        )

    def _resolved(self, *loc: str) -> Resolve:
        """A finder of functions named at `loc`; after a fault it raises a ConfigError that nobody need tell."""

        def resolve(name: str) -> Callable[..., Any]:
            try:
                return self.functions(name)
            except Exception as error:
                self._fault(f"{name} cannot be found: {error}", *loc)
                raise ConfigError(name) from error

        return resolve

    def _fault(self, message: str, *loc: str | int) -> None:
        self.faults.append(self.mapping.fault(message, "streams", self.name, *loc))


def _names(path: JsonPath | None) -> tuple[str, ...] | None:
    return None if path is None else path.names
