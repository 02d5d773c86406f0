"""Column functions of the flights example: pure, one value in, one value out."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from migration_core.errors import Rejected


def clock(time: object) -> str:
    """A local time as the airports write it: 517 is 05:17, and 2400 is 24:00, the end of its day."""
    match time:
        case int() if 0 <= time <= 2400 and time % 100 < 60:  # noqa: PLR2004 - a day has 24 hours, an hour 60 minutes
            return f"{time // 100:02d}:{time % 100:02d}"
    raise Rejected("CLOCK_INVALID", detail="no local time between 0 and 2400")


def scheduled_at(flight: Mapping[str, object]) -> str:
    """The scheduled moment: its full hour is given in UTC, its minutes beside it."""
    return _scheduled(flight).isoformat()


def departed_at(flight: Mapping[str, object]) -> str | None:
    """The real moment, by the delay: the local clock alone would not say which day it was."""
    match flight.get("dep_delay"):
        case None:
            return None
        case int(delay):
            return (_scheduled(flight) + timedelta(minutes=delay)).isoformat()
    raise Rejected("TYPE_MISMATCH", detail="dep_delay is not a number of minutes")


def _scheduled(flight: Mapping[str, object]) -> datetime:
    match flight:
        case {"time_hour": str(hour), "minute": int(minute)}:
            return datetime.fromisoformat(hour) + timedelta(minutes=minute)
    raise Rejected("FIELD_MISSING", detail="needs time_hour as text and minute as a number")
