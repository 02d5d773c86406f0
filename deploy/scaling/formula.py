"""CloudWatch's metric math, as much of it as scaling uses: arithmetic and FILL."""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache

Values = Mapping[str, float | None]
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def value_of(expression: str, values: Values) -> float | None:
    """None where there is no data point: a part that is missing, or a division by zero, leaves none."""
    return _value(_parsed(expression), values)


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _value(node: ast.expr, values: Values) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Constant(value=int() | float() as otherwise)]):
            found = _value(filled, values)
            return float(otherwise) if found is None else found
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _computed(type(op), _value(left, values), _value(right, values))
    raise ValueError(f"metric math that the model does not know: {ast.unparse(node)}")


def _computed(op: type[ast.operator], left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (op is ast.Div and right == 0):
        return None
    return _ARITHMETIC[op](left, right)
