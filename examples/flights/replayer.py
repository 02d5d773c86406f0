"""Turns the calendar and the three small tables into the records that the legacy platform would have published."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import dropwhile, takewhile
from pathlib import Path

import msgspec

from examples.flights.events import FIRST_DAY, Calendar, Event, Kind
from examples.scenario import SourceRecord

TOPIC_PREFIX = "legacy."
ORIGINS = ("EWR", "JFK", "LGA")
"""One partition for each airport of departure."""

encode = msgspec.json.encode
_BEFORE = FIRST_DAY - timedelta(days=30)


class Replayer:
    """The records in order; those before the cut are what a snapshot is taken of."""

    def __init__(self, folder: Path, months: int) -> None:
        self._folder = folder
        self._calendar = Calendar(folder, months)

    def initial(self) -> Iterator[SourceRecord]:
        yield from self._carriers()
        yield from self._airports()
        cut = self._calendar.cut
        yield from (record for _, record in takewhile(lambda published: published[0] < cut, self._history()))

    def live(self) -> Iterator[SourceRecord]:
        cut = self._calendar.cut
        yield from (record for _, record in dropwhile(lambda published: published[0] < cut, self._history()))

    def _history(self) -> Iterator[tuple[datetime, SourceRecord]]:
        """Flights in order of time; a plane is published when its first flight is."""
        planes = {row["tailnum"]: row for row in _rows(self._folder / "planes.csv")}
        for event in self._calendar.events():
            if event.kind is Kind.SCHEDULED and (plane := planes.pop(event.fields[11], None)) is not None:
                yield event.at, _plane(plane, event.at)
            yield event.at, _flight(event)

    def _carriers(self) -> Iterator[SourceRecord]:
        for row in _rows(self._folder / "airlines.csv"):
            yield SourceRecord(TOPIC_PREFIX + "airlines", 0, row["carrier"].encode(), encode(row), _ms(_BEFORE))

    def _airports(self) -> Iterator[SourceRecord]:
        """No record key: the key is in the value alone."""
        for row in _rows(self._folder / "airports.csv"):
            numbers = {name: msgspec.Raw(row[name].encode()) for name in ("lat", "lon", "alt", "tz")}
            value = encode(row | numbers | {"tzone": _known(row["tzone"])})
            yield SourceRecord(TOPIC_PREFIX + "airports", 0, None, value, _ms(_BEFORE))


def _plane(row: dict[str, str], at: datetime) -> SourceRecord:
    numbers = {name: _number(row[name]) for name in ("year", "engines", "seats", "speed")}
    key = encode({"tailnum": row["tailnum"]})
    return SourceRecord(TOPIC_PREFIX + "planes", len(row["tailnum"]) % 2, key, encode(row | numbers), _ms(at))


def _flight(event: Event) -> SourceRecord:
    """A merge patch: the six columns of the key, and what this event tells anew; what is not known is null."""
    row = event.fields
    key = {
        "year": int(row[0]),
        "month": int(row[1]),
        "day": int(row[2]),
        "carrier": row[9],
        "flight": int(row[10]),
        "origin": row[12],
    }
    value = encode(key | _news(event.kind, row))
    return SourceRecord(TOPIC_PREFIX + "flights", ORIGINS.index(row[12]), row[12].encode(), value, _ms(event.at))


def _news(kind: Kind, row: list[str]) -> dict[str, object]:
    match kind:
        case Kind.SCHEDULED:
            return {
                "status": "scheduled",
                "dest": row[13],
                "tailnum": _known(row[11]),
                "sched_dep_time": int(row[4]),
                "sched_arr_time": int(row[7]),
                "distance": int(row[15]),
                "hour": int(row[16]),
                "minute": int(row[17]),
                "time_hour": row[18],
            }
        case Kind.DEPARTED:
            return {"status": "departed", "dep_time": int(row[3]), "dep_delay": int(row[5])}
        case Kind.ARRIVED:
            news = {"arr_time": int(row[6]), "arr_delay": _number(row[8]), "air_time": _number(row[14])}
            return {"status": "arrived", **news}
        case _:
            unknown = dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"))
            return {"status": "cancelled", **unknown}


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _known(text: str) -> str | None:
    return None if text == "NA" else text


def _number(text: str) -> int | None:
    return None if text == "NA" else int(text)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
