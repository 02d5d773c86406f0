"""How a column's values travel to MySQL, and how its table may be written."""

from enum import Enum, auto


class Kind(Enum):
    """What a row tuple holds in one column, ready for MySQL; None stands for NULL in every kind."""

    INT = auto()
    TEXT = auto()
    """str."""
    BYTES = auto()
    DECIMAL = auto()
    """decimal.Decimal, never rounded on the way."""
    DOUBLE = auto()
    DATETIME = auto()
    """str, 'YYYY-MM-DD HH:MM:SS.ffffff' in UTC, with as many digits as the column has."""
    DATE = auto()
    """str, 'YYYY-MM-DD'."""
    TIME = auto()
    """str, 'HH:MM:SS.ffffff', also beyond a day and below zero."""
    JSON = auto()
    """str, JSON text."""


class WriteMode(Enum):
    """Decided by what else of the table could stand in the way of a row."""

    REPLACE = auto()
    """LOAD DATA REPLACE: one unique key, nothing refers to it, no trigger, this stream fills every column."""
    UPSERT = auto()
    """INSERT … ON DUPLICATE KEY UPDATE: the primary key is the only unique one."""
    STRICT = auto()
    """Locked SELECT, then UPDATE or INSERT, in order: another entity may hold a unique value."""
