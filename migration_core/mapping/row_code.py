"""The function that turns a document into rows: Python made from the mapping once, so that a row costs little.

Names and paths enter the source only as repr() of text, and everything else by number, so nothing can become code.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migration_core.mapping.column import MISSING, ColumnPlan
from migration_core.mapping.path import JsonPath
from migration_core.values.field import Field
from migration_core.values.json_value import Tree, json_value, remainder


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table: its columns in order, and the list whose elements are its rows."""

    name: str
    columns: tuple[ColumnPlan, ...]
    each: JsonPath | None
    key_places: tuple[int, ...]
    rest: Tree | None = None
    """What the last column must not hold, when the last column takes the rest of the document."""


@dataclass(slots=True)
class _Code:
    lines: list[str] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    _count: int = 0

    def bind(self, value: object, prefix: str) -> str:
        name = self.fresh(prefix)
        self.scope[name] = value
        return name

    def fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def add(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)


def rows_function(tables: tuple[TablePlan, ...], leave_out: Callable[[Any], bool] | None) -> Callable[..., Any]:
    """`rows(document, position, time, sequence)`: per table a list of tuples, or None for a filtered document."""
    code = _Code(scope={"M": MISSING, "inside": _inside, "elements": _elements, "element": _element, "twice": _twice})
    code.add(0, "def rows(d, position, time, sequence):")
    if leave_out is not None:
        code.add(1, f"if {code.bind(leave_out, 'filter')}(d):")
        code.add(2, "return None")
    root = _Scope(code, 1, "d", "$")
    results = []
    for plan in tables:
        rows = code.fresh("rows")
        results.append(rows)
        if plan.each is None:
            code.add(1, f"{rows} = [{_row(root, root, plan)}]")
        else:
            _children(code, root, plan, rows)
    code.add(1, f"return ({', '.join(results)},)")
    exec(compile("\n".join(code.lines), "<mapping>", "exec"), code.scope)  # noqa: S102 - see the head of this file
    return code.scope["rows"]  # type: ignore[no-any-return]  # made just now


@dataclass(slots=True)
class _Scope:
    """Where `$` points; objects on the way to a member are looked up once."""

    code: _Code
    depth: int
    base: str
    path: str
    objects: dict[tuple[str, ...], str] = field(default_factory=dict)

    def member(self, names: tuple[str, ...]) -> str:
        """An expression for the member at `names`, MISSING where there is none."""
        if not names:
            return self.base
        return f"{self._object(names[:-1])}.get({names[-1]!r}, M)"

    def _object(self, names: tuple[str, ...]) -> str:
        if not names:
            return self.base
        if names not in self.objects:
            holder = self.member(names)
            name = self.code.fresh("o")
            where = self.code.bind(Field(self.absolute(names)), "field")
            self.code.add(self.depth, f"{name} = {holder}")
            self.code.add(self.depth, f"if {name}.__class__ is not dict:")
            self.code.add(self.depth + 1, f"{name} = inside({name}, {where})")
            self.objects[names] = name
        return self.objects[names]

    def absolute(self, names: tuple[str, ...]) -> str:
        return self.path + str(JsonPath(0, names))[1:]


def _children(code: _Code, root: _Scope, plan: TablePlan, rows: str) -> None:
    path = plan.each or JsonPath(0, ())
    where = code.bind(Field(root.absolute(path.names)), "field")
    listed = code.fresh("list")
    code.add(1, f"{listed} = elements({root.member(path.names)}, {where})")
    # Parents are looked up before the loop, not once an element.
    for column in plan.columns:
        if column.model.path is not None and column.model.path.up:
            root.member(column.model.path.names)
    code.add(1, f"{rows} = []")
    code.add(1, f"for e in {listed}:")
    element = _Scope(code, 2, "e", root.absolute(path.names) + "[*]")
    if any(c.model.path is not None and not c.model.path.up and c.model.path.names for c in plan.columns):
        code.add(2, "if e.__class__ is not dict:")
        code.add(3, f"element(e, {code.bind(Field(element.path), 'field')})")
    code.add(2, f"{rows}.append({_row(element, root, plan)})")
    # What an element does not say itself is the same in all rows.
    own = [place for place in plan.key_places if _is_own(plan.columns[place])]
    key = ", ".join(f"r[{place}]" for place in own)
    distinct = f"len({{{key if len(own) == 1 else f'({key})'} for r in {rows}}})" if own else "1"
    code.add(1, f"if len({rows}) > 1 and {distinct} != len({rows}):")
    code.add(2, f"twice({where})")


def _is_own(column: ColumnPlan) -> bool:
    return column.model.path is not None and not column.model.path.up


def _row(here: _Scope, root: _Scope, plan: TablePlan) -> str:
    """A tuple display; statements that it needs are added before it."""
    code = here.code
    values = [_value(here, root, column) for column in plan.columns]
    if plan.rest is not None:
        values.append(f"{code.bind(_rest(plan.rest), 'rest')}({root.base})")
    return f"({', '.join(values)},)"


def _value(here: _Scope, root: _Scope, column: ColumnPlan) -> str:
    code, model = here.code, column.model
    match model.source:
        case "sequence":
            return "sequence"
        case "topic" | "partition" | "offset":
            return f"{code.bind(column.convert, 'convert')}(position.{model.source})"
        case "time":
            return f"{code.bind(column.convert, 'convert')}(time)"
    if model.path is None:
        return code.bind(column.convert(None), "constant")
    member = (root if model.path.up else here).member(model.path.names)
    convert = code.bind(column.convert, "convert")
    if column.quick is None:
        return f"{convert}({member})"
    value = code.fresh("v")
    code.add(here.depth, f"{value} = {member}")
    names = {name: code.bind(bound, name) for name, bound in column.quick.names.items()}
    test, short = (source.format(v=value, **names) for source in (column.quick.test, column.quick.value))
    other = (
        f"None if {value} is None or {value} is M else {convert}({value})" if column.empty else f"{convert}({value})"
    )
    return f"({short} if {test} else {other})"


def _rest(tree: Tree) -> Callable[[dict[str, Any]], Any]:
    convert = json_value(Field("$"), None)
    return lambda document: convert(left) if (left := remainder(document, tree)) else None


def _inside(value: Any, where: Field) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if value is MISSING or value is None:
        return {}
    raise where.reject("TYPE_MISMATCH", "not an object", value)


def _elements(value: Any, where: Field) -> list[Any]:  # noqa: ANN401 - any JSON value
    if value is MISSING or value is None:
        return []
    if type(value) is not list:
        raise where.reject("TYPE_MISMATCH", "not a list", value)
    return value


def _element(value: Any, where: Field) -> None:  # noqa: ANN401 - any JSON value
    raise where.reject("TYPE_MISMATCH", "not an object", value)


def _twice(where: Field) -> None:
    raise where.reject("CHILD_DUPLICATE_KEY", "two elements have the same primary key")
