"""The function that says which documents a mapping leaves out."""

from collections.abc import Callable
from typing import Any

from migration_core.errors import Rejected
from migration_core.mapping.model import FilterModel
from migration_core.values.field import Field

Resolve = Callable[[str], Callable[..., Any]]


def filter_function(model: FilterModel, resolve: Resolve) -> Callable[[Any], bool]:
    """Whether a document is left out; a member that is not there counts as null."""
    using = resolve(model.using) if model.using else None
    field = Field(str(model.path))
    # True equals 1 in Python, and not in JSON.
    words = {(type(word), word) for word in model.equals or ()}

    def leave_out(document: Any) -> bool:  # noqa: ANN401 - a JSON object
        node = document
        for name in model.path.names:
            node = node.get(name) if type(node) is dict else None
        if using is None:
            return not isinstance(node, dict | list) and (type(node), node) in words
        try:
            return bool(using(node))
        except Rejected as error:
            raise field.reject(error.reason.code, error.reason.detail, node) from error
        except MemoryError:
            raise  # as in a column function
        except Exception as error:
            raise field.reject("FUNCTION_FAILED", f"{type(error).__name__} in the filter function", node) from error

    return leave_out
