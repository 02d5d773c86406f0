"""When EventBridge runs something: its `rate(…)` and `cron(…)` expressions, checked before a deployment finds out."""

import re

_RATE = re.compile(r"rate\((\d+) (minutes?|hours?|days?)\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, range, tuple[str, ...]], ...] = (
    ("minutes", range(60), ()),
    ("hours", range(24), ()),
    ("day of month", range(1, 32), ()),
    ("month", range(1, 13), _MONTHS),
    ("day of week", range(1, 8), _DAYS),
    ("year", range(1970, 2200), ()),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4
_EXAMPLES = "write rate(1 hour), or cron(15 3 * * ? *) for 03:15 UTC each day"


def schedule_fault(text: str) -> str | None:
    """What is wrong with an expression and what to write instead, or None."""
    if rate := _RATE.fullmatch(text):
        return _rate_fault(int(rate[1]), rate[2])
    if cron := _CRON.fullmatch(text):
        return _cron_fault(cron.groups())
    return f"{text!r} is no schedule of EventBridge; {_EXAMPLES}"


def _rate_fault(number: int, unit: str) -> str | None:
    if number == 0:
        return f"a rate of 0 never comes; {_EXAMPLES}"
    right = unit.removesuffix("s") + ("" if number == 1 else "s")
    return None if unit == right else f"EventBridge takes no {number} {unit}; write rate({number} {right})"


def _cron_fault(fields: tuple[str, ...]) -> str | None:
    for place, (text, (name, numbers, words)) in enumerate(zip(fields, _FIELDS, strict=True)):
        if not all(_is_item(item, numbers, words, place) for item in text.split(",")):
            return f"{text!r} is no {name} of a cron expression; {_EXAMPLES}"
    if [fields[_DAY_OF_MONTH], fields[_DAY_OF_WEEK]].count("?") != 1:
        return f"one of day of month and day of week must be ?, the other not; {_EXAMPLES}"
    return None


def _is_item(item: str, numbers: range, words: tuple[str, ...], place: int) -> bool:
    if item == "?":
        return place in (_DAY_OF_MONTH, _DAY_OF_WEEK)
    if place == _DAY_OF_MONTH and item in ("L", "LW"):
        return True
    if place == _DAY_OF_MONTH and item.endswith("W"):
        return _is_value(item[:-1], numbers, words)
    if place == _DAY_OF_WEEK and re.fullmatch(r".+#[1-5]", item):
        return _is_value(item[:-2], numbers, words)
    if place == _DAY_OF_WEEK and item.endswith("L"):
        return item == "L" or _is_value(item[:-1], numbers, words)
    span, _, step = item.partition("/")
    if "/" in item and not (step.isascii() and step.isdigit() and int(step)):
        return False
    ends = span.split("-")
    return span == "*" or (len(ends) <= 2 and all(_is_value(end, numbers, words) for end in ends))  # noqa: PLR2004 - from, to


def _is_value(text: str, numbers: range, words: tuple[str, ...]) -> bool:
    return text in words or (text.isascii() and text.isdigit() and int(text) in numbers)
