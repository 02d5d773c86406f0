"""One table of a mapping against the table of that name: what may be written, how, and from which members."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from migration_core.errors import ConfigError
from migration_core.key import KeyType
from migration_core.mapping.column import ColumnPlan, Resolve, plan_column
from migration_core.mapping.fit import table_faults, write_mode
from migration_core.mapping.kinds import Kind, WriteMode
from migration_core.mapping.model import ColumnModel, StreamModel, TableModel
from migration_core.mapping.path import JsonPath, told
from migration_core.mapping.row_code import TablePlan
from migration_core.mapping.stream import CompiledTable
from migration_core.target import TargetSchema, TargetTable
from migration_core.values.json_value import Tree, add_path

_CHANGES_A_KEY = ("using", "default", "coerce", "values")


class _Fault(Protocol):
    def __call__(self, message: str, *loc: str | int) -> None: ...


@dataclass(frozen=True, slots=True)
class TableCompiler:
    """Compiles the tables of one stream; `fault` is told what is wrong, by its place below the stream."""

    stream: StreamModel
    key: Sequence[tuple[JsonPath, KeyType]]
    schema: TargetSchema | None
    resolved: Callable[..., Resolve]
    fault: _Fault

    def compile(self, name: str, model: TableModel) -> tuple[CompiledTable, TablePlan] | None:
        """The table and how its rows are made, or None after telling its faults."""
        target = self._target(name)
        if self.schema is not None and target is None:
            return None
        entity = self._entity_columns(name, model)
        if target is not None:
            for message, at in table_faults(model, target, entity, partial=self.stream.changes == "partial"):
                self.fault(message, "tables", name, *at)
        columns = [plan for column in model.columns if (plan := self._column(name, model, column, target)) is not None]
        if len(columns) < len(model.columns) or not entity:
            return None
        if not self._key_kinds_agree(name, columns, entity):
            return None
        filled = (*model.columns, *([model.rest] if model.rest else []))
        compiled = CompiledTable(
            name=name,
            columns=filled,
            kinds=(*(column.kind for column in columns), *([Kind.JSON] if model.rest else [])),
            key_columns=tuple(model.key),
            entity_columns=entity,
            child=model.each is not None or len(model.key) > len(entity),
            mode=WriteMode.REPLACE if target is None else write_mode(target, filled),
            public=frozenset(column for column, one in model.columns.items() if one.public),
            sourced=frozenset(column for column, one in model.columns.items() if one.source is not None),
        )
        places = tuple(filled.index(key) for key in model.key)
        return compiled, TablePlan(name, tuple(columns), model.each, places, self._rest() if model.rest else None)

    def _target(self, name: str) -> TargetTable | None:
        if self.schema is None:
            return None
        found = self.schema.tables.get(name)
        if found is None:
            told_ = f"schema {self.schema.name} has no table {name}; run its migrations first, or mend the name"
            self.fault(told_, "tables", name)
        return found

    def _entity_columns(self, table: str, model: TableModel) -> tuple[str, ...]:
        """The first columns of the primary key, which must hold the stream's key, part by part and unchanged."""
        up = 0 if model.each is None else 1
        columns = []
        for number, (path, _) in enumerate(self.key):
            wanted = JsonPath(up, path.names)
            name = model.key[number] if number < len(model.key) else ""
            column = model.columns.get(name)
            if column is None or column.path != wanted:
                message = (
                    f"the primary key begins with the stream's key; write a column of {wanted} as part {number + 1}"
                )
                self.fault(message, "tables", table, "key")
                return ()
            for option in _CHANGES_A_KEY:
                if option in column.model_fields_set:
                    message = f"{option} could change the entity's key, which names its lane; leave it out"
                    self.fault(message, "tables", table, "columns", name, option)
            columns.append(name)
        return tuple(columns)

    def _column(self, table: str, model: TableModel, name: str, target: TargetTable | None) -> ColumnPlan | None:
        column = target.column(name) if target else None
        if target is not None and column is None:
            return None  # told with the table's faults
        one, loc = model.columns[name], ("tables", table, "columns", name)
        control = self.stream.control == "accept"
        try:
            resolve = self.resolved(*loc, "using")
            return plan_column(name, one, column, _absolute(model, one), resolve, control=control)
        except ValueError as error:
            self.fault(str(error), *loc)
        except ConfigError:
            pass  # told by the resolver
        return None

    def _key_kinds_agree(self, table: str, columns: Sequence[ColumnPlan], entity: tuple[str, ...]) -> bool:
        kinds = {column.name: column.kind for column in columns}
        types = {column.name: column.model.type for column in columns}
        agree = True
        for name, (path, kind) in zip(entity, self.key, strict=True):
            if self.schema is None and types[name] is None:
                continue  # the column's own type will decide, and it is not known here
            plain = types[name] in (None, "int" if kind == "int" else "string")
            if kinds[name] is not (Kind.INT if kind == "int" else Kind.TEXT) or not plain:
                word = "int" if kinds[name] is Kind.INT else "string"
                message = f"the key {path} is {kind}, column {name} is not; write type: {word} at the column or the key"
                self.fault(message, "tables", table, "columns", name)
                agree = False
        return agree

    def _rest(self) -> Tree:
        """What the columns of all tables take of a document."""
        tree: Tree = {}
        for table in self.stream.tables.values():
            if table.each is not None:
                add_path(tree, table.each.names)
            for column in table.columns.values():
                if column.path is not None and column.path.up == (table.each is not None):
                    add_path(tree, column.path.names)
        return tree


def _absolute(table: TableModel, column: ColumnModel) -> str:
    """A column's path as rejects name it: from the document."""
    if column.path is None:
        return ""
    inside = "" if table.each is None or column.path.up else f"{told(table.each.names)}[*]"
    return f"${inside}{told(column.path.names)}"
