"""Dates and times: UTC, cut and never rounded, within what MySQL holds."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from migration_core.target import TargetColumn
from migration_core.values.field import Field
from migration_core.values.text import Convert

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAUSIBLE = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""A moment outside it is a sign of another unit: milliseconds read as microseconds end in January 1970."""
_TIMESTAMP = (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 7, 999999, tzinfo=UTC))
_FIRST_YEAR, _LAST_YEAR = 1000, 9999
_DATE = re.compile(r"(\d{4,6})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4,6})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 1_000_000}
_DAY_HOURS = 24


def epoch(field: Field, column: TargetColumn | None, unit: str, *, coerce: bool) -> Convert:
    """A count since 1970 in one declared unit; a moment outside 1990..2099 is taken for another unit."""
    per_second = _PER_SECOND[unit]
    low, high = (int((moment - _EPOCH).total_seconds()) * per_second for moment in _PLAUSIBLE)
    written = _writer(field, column)
    micros = 1_000_000 // per_second

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not int:
            if not (coerce and type(value) is str and value.isascii() and value.isdigit() and len(value) < 20):  # noqa: PLR2004 - digits of a BIGINT
                raise field.reject("TYPE_MISMATCH", f"not a count in {unit}", value)
            value = int(value)
        if not low <= value < high:
            raise field.reject("TS_UNIT", f"as {unit} this lies outside 1990..2099", value)
        return written(_EPOCH + timedelta(microseconds=value * micros))

    return convert


def iso8601(field: Field, column: TargetColumn | None, *, assume_utc: bool) -> Convert:
    """A date and a time with its offset from UTC."""
    written = _writer(field, column)

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        found = _MOMENT.fullmatch(value) if type(value) is str else None
        if found is None:
            code = "DATE_INVALID" if type(value) is str else "TYPE_MISMATCH"
            raise field.reject(code, "no date and time of ISO 8601", value)
        year, month, day, hour, minute, second, fraction, offset = found.groups()
        if offset is None and not assume_utc:
            raise field.reject("TZ_MISSING", "a time without an offset; say zone: utc if it is UTC", value)
        day_ = _checked_day(field, value, year, month, day)
        try:
            micros = int(((fraction or "") + "000000")[:6])
            moment = datetime(day_.year, day_.month, day_.day, int(hour), int(minute), int(second or 0), micros, UTC)
            if offset and offset not in "Zz":
                moment -= _offset(offset)
        except OverflowError as error:
            raise field.reject("DATE_RANGE", "outside the years 1000..9999 in UTC", value) from error
        except ValueError as error:
            raise field.reject("DATE_INVALID", "no such time of day", value) from error
        return written(moment)

    return convert


def day(field: Field) -> Convert:
    """A calendar day, YYYY-MM-DD."""

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        found = _DATE.fullmatch(value) if type(value) is str else None
        if found is None:
            code = "DATE_INVALID" if type(value) is str else "TYPE_MISMATCH"
            raise field.reject(code, "no date as YYYY-MM-DD", value)
        return _checked_day(field, value, *found.groups()).isoformat()

    return convert


def millis(field: Field, column: TargetColumn | None) -> Convert:
    """Kafka's own time of a record, which may be anything that the column holds."""
    written = _writer(field, column)

    def convert(value: Any) -> Any:  # noqa: ANN401 - an int
        try:
            return written(_EPOCH + timedelta(milliseconds=value))
        except OverflowError as error:
            raise field.reject("DATE_RANGE", "the record's time is beyond the year 9999", value) from error

    return convert


def _checked_day(field: Field, value: str, year: str, month: str, day_: str) -> date:
    if int(year) == 0 or month == "00" or day_ == "00":
        raise field.reject("DATE_ZERO", "a date of zeros; map it to NULL by a function if it means none", value)
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        raise field.reject("DATE_RANGE", f"outside the years {_FIRST_YEAR}..{_LAST_YEAR}", value)
    try:
        return date(int(year), int(month), int(day_))
    except ValueError as error:
        raise field.reject("DATE_INVALID", "the calendar has no such day", value) from error


def _offset(text: str) -> timedelta:
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0  # noqa: PLR2004 - ±HH
    if hours >= _DAY_HOURS or minutes > 59:  # noqa: PLR2004 - minutes of an hour
        raise ValueError("no offset")
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def _writer(field: Field, column: TargetColumn | None) -> Any:  # noqa: ANN401 - a function of one datetime
    """As the column stores it: in its own number of digits, since MySQL would round the rest."""
    digits = 6 if column is None or column.datetime_precision is None else column.datetime_precision
    cut = 20 + digits if digits else 19
    timestamp = column is not None and column.data_type == "timestamp"

    def written(moment: datetime) -> str:
        if moment.year < _FIRST_YEAR:
            raise field.reject("DATE_RANGE", f"before the year {_FIRST_YEAR}")
        if timestamp and not _TIMESTAMP[0] <= moment <= _TIMESTAMP[1]:
            raise field.reject("DATE_RANGE", "a TIMESTAMP column holds 1970..2038; use DATETIME(6)")
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:cut]

    return written
