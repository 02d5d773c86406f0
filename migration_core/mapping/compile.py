"""From a checked mapping to functions, against the live processed schema; every fault at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migration_core.errors import ConfigError
from migration_core.formats import FormatOptions, record_format
from migration_core.key import KeyType
from migration_core.mapping.column import ColumnPlan, Resolve, plan_column
from migration_core.mapping.fit import table_faults, write_mode
from migration_core.mapping.keys import KeyReader
from migration_core.mapping.kinds import Kind, WriteMode
from migration_core.mapping.model import ColumnModel, Mapping, StreamModel, TableModel
from migration_core.mapping.path import JsonPath
from migration_core.mapping.row_code import TablePlan, filter_function, rows_function
from migration_core.mapping.stream import CompiledMapping, CompiledStream, CompiledTable
from migration_core.records import Op
from migration_core.target import TargetSchema, TargetTable
from migration_core.values.json_value import Tree, add_path


def compile_mapping(mapping: Mapping, *, schema: TargetSchema | None, functions: Resolve) -> CompiledMapping:
    """Compile all streams; without `schema` nothing is checked against the target, and every table is written REPLACE.

    `functions` finds `module:function`. ConfigError names every fault by its place.
    """
    faults: list[str] = []
    streams = {}
    for name, model in mapping.model.streams.items():
        compiler = _StreamCompiler(mapping, name, model, schema, functions, faults)
        compiled = compiler.compile()
        if compiled is not None:
            streams[name] = compiled
    if faults:
        raise ConfigError("\n".join(faults))
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
        plans = [self._table(name, table) for name, table in self.model.tables.items()]
        leave_out = None
        if self.model.leave_out is not None:
            leave_out = filter_function(self.model.leave_out, self._resolved("filter", "using"))
        if len(self.faults) > before or not all(plans):
            return None
        pairs = [plan for plan in plans if plan is not None]
        reader = record_format(self.model.format, self._options())
        record_key = self.model.record_key
        keys = KeyReader(self._key_parts(), record_key, reader.documents())
        return CompiledStream(
            name=self.name,
            topics=self.model.topics,
            lanes=self.model.lanes,
            partial=self.model.changes == "partial",
            format=self.model.format,
            tables=tuple(table for table, _ in pairs),
            keys=keys,
            reader=reader,
            transform=rows_function(tuple(plan for _, plan in pairs), leave_out),
            validates_newest_only=self.model.validate_rows == "newest",
        )

    def _table(self, name: str, model: TableModel) -> tuple[CompiledTable, TablePlan] | None:
        loc = ("tables", name)
        before = len(self.faults)
        target = self._target(name)
        entity = self._entity_columns(model, loc)
        if target is not None:
            partial = self.model.changes == "partial"
            self.faults += [self._fault(m, *loc, *at) for m, at in table_faults(model, target, entity, partial=partial)]
        prefix = "$" if model.each is None else str(JsonPath(0, model.each.names, each=True))
        columns = []
        for column, one in model.columns.items():
            plan = self._column(column, one, target, prefix, (*loc, "columns", column))
            if plan is not None:
                columns.append(plan)
        if len(self.faults) > before:
            return None
        if target is not None:
            self._check_key_kinds(columns, entity, loc)
        rest = self._rest() if model.rest else None
        names = (*model.columns, *([model.rest] if model.rest else []))
        kinds = (*(column.kind for column in columns), *([Kind.JSON] if model.rest else []))
        compiled = CompiledTable(
            name=name,
            columns=names,
            kinds=kinds,
            key_columns=tuple(model.key),
            entity_columns=entity,
            child=model.each is not None or len(model.key) > len(entity),
            mode=WriteMode.REPLACE if target is None else write_mode(target, names),
            public=frozenset(column for column, one in model.columns.items() if one.public),
        )
        places = tuple(names.index(key) for key in model.key if key in names)
        return compiled, TablePlan(name, tuple(columns), model.each, places, rest)

    def _column(
        self, name: str, model: ColumnModel, target: TargetTable | None, prefix: str, loc: tuple[str, ...]
    ) -> ColumnPlan | None:
        column = target.column(name) if target else None
        path = ""
        if model.path is not None:
            if model.path.each or model.path.up > (prefix != "$"):
                self.faults.append(self._fault(f"{model.path} does not lead to one member from here", *loc))
                return None
            path = str(JsonPath(0, model.path.names))
            path = path if model.path.up else prefix + path[1:]
        try:
            return plan_column(name, model, column, path, self._resolved(*loc))
        except ValueError as error:
            self.faults.append(self._fault(str(error), *loc))
        except ConfigError:
            pass  # told by the resolver below
        except Exception as error:  # noqa: BLE001 - a constant or default that its own column refuses
            self.faults.append(self._fault(f"its constant or default does not fit the column ({error})", *loc))
        return None

    def _target(self, name: str) -> TargetTable | None:
        if self.schema is None:
            return None
        found = self.schema.tables.get(name)
        if found is None:
            message = f"schema {self.schema.name} has no table {name}; run its migrations first, or mend the name"
            self.faults.append(self._fault(message, "tables", name))
        return found

    def _entity_columns(self, model: TableModel, loc: tuple[str, ...]) -> tuple[str, ...]:
        """The first columns of the primary key, which must hold the stream's key, part by part and unchanged."""
        up = 0 if model.each is None else 1
        wanted = [JsonPath(up, part.path.names) for part in self.model.key]
        columns = []
        for number, path in enumerate(wanted):
            name = model.key[number] if number < len(model.key) else ""
            column = model.columns.get(name)
            if column is None or column.path != path or column.using is not None:
                message = f"part {number + 1} of the primary key must be {path}, unchanged; write it as `{path}` first"
                self.faults.append(self._fault(message, *loc, "key"))
                return ()
            columns.append(name)
        for name in model.key:
            if name not in model.columns:
                self.faults.append(self._fault(f"key column {name} is not among the columns; add it", *loc, "key"))
        return tuple(columns)

    def _check_key_kinds(self, columns: list[ColumnPlan], entity: tuple[str, ...], loc: tuple[str, ...]) -> None:
        kinds = {column.name: column.kind for column in columns}
        for name, (path, kind) in zip(entity, self._key_parts(), strict=True):
            wanted = Kind.INT if kind == "int" else Kind.TEXT
            if kinds[name] is not wanted:
                word = "int" if kinds[name] is Kind.INT else "string"
                message = f"the key {path} is {kind}, column {name} is not; write type: {word} at the column or the key"
                self.faults.append(self._fault(message, *loc, "columns", name))

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

    def _rest(self) -> Tree:
        tree: Tree = {}
        for table in self.model.tables.values():
            if table.each is not None:
                add_path(tree, table.each.names)
            for column in table.columns.values():
                if column.path is not None and column.path.up == (table.each is not None):
                    add_path(tree, column.path.names)
        return tree

    def _options(self) -> FormatOptions:
        op, document = self.model.op, self.model.document
        words: dict[str, Op] = {}
        if op is not None:
            for meaning, found in ((Op.IMAGE, op.image), (Op.MERGE, op.merge), (Op.DELETE, op.delete)):
                words.update(dict.fromkeys(found, meaning))
        return FormatOptions(
            partial=self.model.changes == "partial",
            op_path=op.path.names if op else None,
            ops=words,
            document=document.names if document else (),
            longest=self.model.longest_record,
        )

    def _resolved(self, *loc: str) -> Resolve:
        def resolve(name: str) -> Callable[..., Any]:
            try:
                return self.functions(name)
            except Exception as error:
                self.faults.append(self._fault(f"{name} cannot be found: {error}", *loc, "using"))
                raise ConfigError(name) from error

        return resolve

    def _fault(self, message: str, *loc: str) -> str:
        return self.mapping.fault(message, "streams", self.name, *loc)
