"""One statement that a person may run to mend a difference, and what it costs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """Ready to run, without its semicolon."""

    sql: str
    removes_data: bool = False
    """Whether rows or values are gone afterwards: look before you run it."""
