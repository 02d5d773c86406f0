"""Dates and times: UTC, cut and never rounded, within what MySQL holds."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from migration_core.target import TargetColumn
from migration_core.values.field import Field
from migration_core.values.quick import Convert, Quick

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAUSIBLE = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""A moment outside it is a sign of another unit: milliseconds read as microseconds end in January 1970."""
_TIMESTAMP = (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 7, 999999, tzinfo=UTC))
_FIRST_YEAR, _LAST_YEAR = 1000, 9999
_DATE = re.compile(r"(\d{4,6})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4,6})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_TIME = re.compile(r"(-?)(\d{2,3}):([0-5]\d)(?::([0-5]\d)(?:[.,](\d+))?)?", re.ASCII)
_LAST_TIME = "838:59:59"
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 1_000_000}
_DAY_HOURS, _DAY_SECONDS, _DAY_LENGTH = 24, 86_400, len("YYYY-MM-DD")
_ZONES = {"Z": timedelta(0)} | {
    f"{sign}{minutes // 60:02d}:{minutes % 60:02d}": timedelta(minutes=minutes if sign == "+" else -minutes)
    for sign in "+-"
    for minutes in range(0, 24 * 60, 15)
}
"""Offsets that clocks on earth have or had lately; others are read with less haste."""
_CLOCK = tuple(f" {minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440))
_SECONDS = tuple(f"{second:02d}" for second in range(60))
_THOUSAND = tuple(f"{number:03d}" for number in range(1000))
_SEPARATORS = {19: "--T::"} | dict.fromkeys(range(21, 30), "--T::.")
"""Of the usual spellings, by their length without the offset: every third character from the fifth."""


class _Days(dict[int, str]):
    """Days since 1970 as text, each made once; there are 40,177 plausible ones."""

    def __missing__(self, number: int) -> str:
        text = self[number] = (_EPOCH + timedelta(days=number)).date().isoformat()
        return text


_DAYS = _Days()


def epoch(field: Field, column: TargetColumn | None, unit: str, *, coerce: bool) -> tuple[Convert, Quick]:
    """A count since 1970 in one declared unit; a moment outside 1990..2099 is taken for another unit."""
    per_second = _PER_SECOND[unit]
    low, high = (_count(moment, per_second) for moment in _PLAUSIBLE)
    end = min(high, _count(_TIMESTAMP[1], per_second) + 1) if _is_timestamp(column) else high
    written = _epoch_writer(per_second, _digits(column))

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if type(value) is not int:
            if not (coerce and type(value) is str and value.isascii() and value.isdigit() and len(value) < 20):  # noqa: PLR2004 - digits of a BIGINT
                raise field.reject("TYPE_MISMATCH", f"not a count in {unit}", value)
            value = int(value)
        if not low <= value < high:
            raise field.reject("TS_UNIT", f"as {unit} this lies outside 1990..2099", value)
        if value >= end:
            raise field.reject("DATE_RANGE", "a TIMESTAMP column holds 1970..2038; use DATETIME(6)", value)
        return written(value)

    return convert, Quick(f"{{v}}.__class__ is int and {low} <= {{v}} < {end}", "{written}({v})", {"written": written})


def iso8601(field: Field, column: TargetColumn | None, *, assume_utc: bool) -> Convert:
    """A date and a time with its offset from UTC."""
    written = _writer(field, column)
    usual = None if _is_timestamp(column) else _usual(_digits(column))

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        if usual is not None and value.__class__ is str and (quick := usual(value)) is not None:
            return quick
        found = _MOMENT.fullmatch(value) if type(value) is str else None
        if found is None:
            code = "DATE_INVALID" if type(value) is str else "TYPE_MISMATCH"
            raise field.reject(code, "no date and time of ISO 8601", value)
        year, month, day_, hour, minute, second, fraction, offset = found.groups()
        if offset is None and not assume_utc:
            raise field.reject("TZ_MISSING", "a time without an offset; say zone: utc if it is UTC", value)
        on = _checked_day(field, value, year, month, day_)
        try:
            micros = int(((fraction or "") + "000000")[:6])
            moment = datetime(on.year, on.month, on.day, _hour(hour), int(minute), int(second or 0), micros, UTC)
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
        if value.__class__ is str and len(value) == _DAY_LENGTH and value[4:8:3] == "--" and value[0] != "0":
            try:
                date.fromisoformat(value)
            except ValueError:
                pass  # told below
            else:
                return value
        found = _DATE.fullmatch(value) if type(value) is str else None
        if found is None:
            code = "DATE_INVALID" if type(value) is str else "TYPE_MISMATCH"
            raise field.reject(code, "no date as YYYY-MM-DD", value)
        return _checked_day(field, value, *found.groups()).isoformat()

    return convert


def time_of_day(field: Field, column: TargetColumn | None) -> Convert:
    """A time of day, or a span as TIME holds it: HH:MM, HH:MM:SS or HH:MM:SS.ffffff, up to 838 hours."""
    digits = _digits(column)

    def convert(value: Any) -> Any:  # noqa: ANN401 - JSON in, the column's type out
        found = _TIME.fullmatch(value) if type(value) is str else None
        if found is None:
            code = "TIME_INVALID" if type(value) is str else "TYPE_MISMATCH"
            raise field.reject(code, "no time as HH:MM or HH:MM:SS", value)
        sign, hours, minutes, seconds, fraction = found.groups()
        whole = f"{int(hours):02d}:{minutes}:{seconds or '00'}"
        behind = "." + ((fraction or "") + "000000")[:digits] if digits else ""
        if int(hours) > int(_LAST_TIME[:3]) or (whole == _LAST_TIME and behind.strip(".0")):
            raise field.reject("TIME_RANGE", f"a TIME column ends at {_LAST_TIME}", value)
        return f"{sign}{whole}{behind}" if (whole + behind).strip("0:.") else f"{whole}{behind}"

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


def _usual(digits: int) -> Any:  # noqa: ANN401 - a function of one JSON value
    """The spellings that most programs write, YYYY-MM-DDTHH:MM:SS.fff with Z or ±HH:MM; None for all others."""
    cut = 20 + digits if digits else 19
    fill = {length: "0" * (cut - length) for length in _SEPARATORS} | {19: "." + "0" * digits if digits else ""}

    def usual(value: str) -> str | None:
        body, zone = (value[:-1], "Z") if value[-1:] == "Z" else (value[:-6], value[-6:])
        length = len(body)
        if body[4:20:3] != _SEPARATORS.get(length) or body[0] == "0" or body[11:13] == "24" or zone not in _ZONES:
            return None
        try:
            moment = datetime.fromisoformat(body)
            if moment.tzinfo:  # another spelling, of the same length
                return None
            if shift := _ZONES[zone]:
                moment -= shift
                return moment.isoformat(" ", "microseconds")[:cut] if moment.year >= _FIRST_YEAR else None
        except (ValueError, OverflowError):
            return None
        return f"{body[:10]} {body[11:cut]}{fill[length]}"

    return usual


def _epoch_writer(per_second: int, digits: int) -> Any:  # noqa: ANN401 - a function of one int
    """A plausible count as text, by division and tables: an eighth of the time of a datetime."""
    width = len(str(per_second)) - 1
    keep, fill = min(width, digits), "0" * (digits - width)
    drop = 10 ** (width - keep)

    def whole(count: int) -> str:
        number, second = divmod(count // per_second, _DAY_SECONDS)
        return f"{_DAYS[number]}{_CLOCK[second // 60]}{_SECONDS[second % 60]}"

    def millis(count: int) -> str:
        seconds, rest = divmod(count, 1000)
        number, second = divmod(seconds, _DAY_SECONDS)
        return f"{_DAYS[number]}{_CLOCK[second // 60]}{_SECONDS[second % 60]}.{_THOUSAND[rest]}{fill}"

    def micros(count: int) -> str:
        seconds, rest = divmod(count, 1_000_000)
        number, second = divmod(seconds, _DAY_SECONDS)
        behind = f"{_THOUSAND[rest // 1000]}{_THOUSAND[rest % 1000]}"
        return f"{_DAYS[number]}{_CLOCK[second // 60]}{_SECONDS[second % 60]}.{behind}"

    def cut(count: int) -> str:
        return f"{whole(count)}.{count % per_second // drop:0{keep}d}"

    if not digits:
        return whole
    if not keep:
        return lambda count: f"{whole(count)}.{fill}"
    return {(3, 3): millis, (6, 6): micros}.get((width, keep), cut)


def _checked_day(field: Field, value: str, year: str, month: str, day_: str) -> date:
    if int(year) == 0 or month == "00" or day_ == "00":
        raise field.reject("DATE_ZERO", "a date of zeros; map it to NULL by a function if it means none", value)
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        raise field.reject("DATE_RANGE", f"outside the years {_FIRST_YEAR}..{_LAST_YEAR}", value)
    try:
        return date(int(year), int(month), int(day_))
    except ValueError as error:
        raise field.reject("DATE_INVALID", "the calendar has no such day", value) from error


def _hour(text: str) -> int:
    hour = int(text)
    if hour >= _DAY_HOURS:
        raise ValueError("no hour")  # newer versions of the library take 24:00 for the next day
    return hour


def _offset(text: str) -> timedelta:
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0  # noqa: PLR2004 - ±HH
    if hours >= _DAY_HOURS or minutes > 59:  # noqa: PLR2004 - minutes of an hour
        raise ValueError("no offset")
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def _writer(field: Field, column: TargetColumn | None) -> Any:  # noqa: ANN401 - a function of one datetime
    """As the column stores it: in its own number of digits, since MySQL would round the rest."""
    digits = _digits(column)
    cut = 20 + digits if digits else 19
    timestamp = _is_timestamp(column)

    def written(moment: datetime) -> str:
        if moment.year < _FIRST_YEAR:
            raise field.reject("DATE_RANGE", f"before the year {_FIRST_YEAR}")
        if timestamp and not _TIMESTAMP[0] <= moment <= _TIMESTAMP[1]:
            raise field.reject("DATE_RANGE", "a TIMESTAMP column holds 1970..2038; use DATETIME(6)")
        return moment.isoformat(" ", "microseconds")[:cut]

    return written


def _digits(column: TargetColumn | None) -> int:
    return 6 if column is None or column.datetime_precision is None else column.datetime_precision


def _is_timestamp(column: TargetColumn | None) -> bool:
    return column is not None and column.data_type == "timestamp"


def _count(moment: datetime, per_second: int) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1_000_000 // per_second)
