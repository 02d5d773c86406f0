"""Debezium envelopes, with and without their schema: `op`, `before` and `after`, as its connectors write them.

Source: https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-events (c, u, d, r, t, m).
"""

from migration_core.errors import Rejected
from migration_core.formats.base import FormatOptions, Path
from migration_core.json_text import parse_object
from migration_core.pattern import shape
from migration_core.records import Change, Op

_IMAGES = frozenset({"c", "u", "r"})


class Debezium:
    """Full images only: `after` holds the whole row."""

    def __init__(self, options: FormatOptions) -> None:
        self._options = options

    def decode(self, value: bytes) -> Change:
        """Unwrap the payload and read what happened."""
        record = parse_object(value, longest=self._options.longest)
        payload = record.get("payload") if "payload" in record else record
        if type(payload) is not dict:
            raise Rejected("TYPE_MISMATCH", field_path="$.payload", detail="no envelope", shape=shape(payload))
        op = payload.get("op")
        if op == "d":
            before = payload.get("before")
            return Change(Op.DELETE, before if type(before) is dict else None)
        if not isinstance(op, str) or op not in _IMAGES:
            raise Rejected("OP_UNKNOWN", field_path="$.op", detail="no op of a row", shape=shape(op))
        after = payload.get("after")
        if type(after) is not dict:
            code = "FIELD_MISSING" if after is None else "TYPE_MISMATCH"
            raise Rejected(code, field_path="$.after", detail="there is no row", shape=shape(after))
        return Change(Op.IMAGE, after)

    def documents(self) -> tuple[Path, ...]:
        """The new row before the old one, wrapped in a payload or not."""
        return (("payload", "after"), ("after",), ("payload", "before"), ("before",))
