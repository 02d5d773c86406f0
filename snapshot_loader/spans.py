"""Spans of time as people write them: 90s, 10m, 2h."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smh])")


def span(text: str) -> float:
    """Seconds in `text`; ValueError for anything else than a number with s, m or h."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no span of time: write 90s, 10m or 2h")
    return float(found.group(1)) * _SECONDS[found.group(2)]
