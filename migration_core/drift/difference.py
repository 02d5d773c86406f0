"""One thing in which the live schema is not as declared."""

from dataclasses import dataclass
from enum import StrEnum

MISSING, EXTRA = "missing", "extra"
"""Of a difference in a whole part: the live schema lacks it, or has one that is not declared."""
SILENT = "none"


class Subject(StrEnum):
    """What differs."""

    SERVER = "server"
    SCHEMA = "schema"
    TABLE = "table"
    COLUMN = "column"
    INDEX = "index"
    FOREIGN_KEY = "foreign key"
    CHECK = "check"
    AUTO_INCREMENT = "auto-increment"


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` names the property; a part that is there on one side only is `missing` or `extra`."""

    subject: Subject
    table: str
    """Empty for the server and the schema."""
    name: str
    """Of the column, index, constraint or setting; the table's own where the table differs."""
    what: str
    declared: str
    live: str

    def __str__(self) -> str:
        place = f"{self.table}.{self.name}" if self.table and self.name != self.table else self.name
        if self.what in (MISSING, EXTRA):
            return f"{self.subject} {place} is {self.what}"
        return f"{self.subject} {place}: {self.what} is {self.live}, declared {self.declared}"
