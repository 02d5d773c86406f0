"""JSON records: the document itself, or a document with a word beside it that says what happened."""

from typing import Any

from migration_core.errors import Rejected
from migration_core.formats.base import FormatOptions, Path
from migration_core.json_text import parse_object
from migration_core.pattern import shape
from migration_core.records import Change, Op


class PlainJson:
    """Without `op` every record is an image, or in a stream of partial changes a merge patch."""

    def __init__(self, options: FormatOptions) -> None:
        self._options = options
        self._default = Op.MERGE if options.partial else Op.IMAGE
        self._is_document = options.op_path is None and not options.document

    def decode(self, value: bytes) -> Change:
        """Parse, read the op, and find the document."""
        options = self._options
        record = parse_object(value, longest=options.longest)
        if self._is_document:
            return Change(self._default, record)
        op = self._default if options.op_path is None else self._op(record, options.op_path)
        if not options.document:
            return Change(op, record)
        document = _at(record, options.document)
        if type(document) is dict:
            return Change(op, document)
        if op is Op.DELETE and document is None:
            return Change(op, None)
        where = "$." + ".".join(options.document)
        code = "FIELD_MISSING" if document is None else "TYPE_MISMATCH"
        raise Rejected(code, field_path=where, detail="there is no document", shape=shape(document))

    def documents(self) -> tuple[Path, ...]:
        """Only one place."""
        return (self._options.document,)

    def _op(self, record: dict[str, Any], path: Path) -> Op:
        word = _at(record, path)
        found = self._options.ops.get(word) if isinstance(word, str) else None
        if found is None:
            where = "$." + ".".join(path)
            raise Rejected("OP_UNKNOWN", field_path=where, detail="the mapping names no such op", shape=shape(word))
        return found


def _at(record: dict[str, Any], path: Path) -> Any:  # noqa: ANN401 - any JSON value
    found: Any = record
    for name in path:
        if type(found) is not dict:
            return None
        found = found.get(name)
    return found
