"""One place of a document, for rejects that name it."""

from dataclasses import dataclass

from migration_core.errors import Rejected
from migration_core.pattern import shape


@dataclass(frozen=True, slots=True)
class Field:
    """Where a column's value stands, as an absolute path."""

    path: str

    def reject(self, code: str, detail: str, value: object = None) -> Rejected:
        """The reject to raise for `value`; only its shape is told."""
        return Rejected(code, stage="transform", field_path=self.path, detail=detail, shape=shape(value))
