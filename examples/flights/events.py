"""The year as the airports lived it: scheduled, departed, arrived or cancelled, each published when it happened."""

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

NOTICE = timedelta(days=1)
"""How long before its scheduled departure a flight is published."""

FIRST_DAY = datetime(2013, 1, 1, tzinfo=UTC)
_EPOCH = FIRST_DAY - timedelta(days=2)
_SUMMER = (datetime(2013, 3, 10, 7, tzinfo=UTC), datetime(2013, 11, 3, 6, tzinfo=UTC))
_ATLANTIC = (-4, "N")
"""The four Caribbean airports that airports.csv does not know keep Atlantic time all year."""
_PLACE_BITS, _KIND_BITS = 25, 2


class Kind(IntEnum):
    """What can happen to a flight, in the order in which it does."""

    SCHEDULED = 0
    DEPARTED = 1
    ARRIVED = 2
    CANCELLED = 3


class Event(NamedTuple):
    """One thing that happened to one flight; `fields` are the columns of flights.csv as text."""

    at: datetime
    kind: Kind
    fields: list[str]


class Calendar:
    """All events of the first `months` months in order of time: eight bytes each, the rest stays in the file."""

    def __init__(self, folder: Path, months: int) -> None:
        self._file = folder / "flights.csv"
        self._zones = _zones(folder / "airports.csv")
        self._months = months
        self._order = array("q", sorted(self._packed()))

    def __len__(self) -> int:
        return len(self._order)

    @property
    def cut(self) -> datetime:
        """The end of the first third: what happened before it is in the snapshot, the rest is streamed."""
        end = FIRST_DAY.replace(year=2014) if self._months == 12 else FIRST_DAY.replace(month=self._months + 1)  # noqa: PLR2004 - a year
        return FIRST_DAY + (end - FIRST_DAY) // 3

    def events(self) -> Iterator[Event]:
        """Every event, read again from the file."""
        with self._file.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as lines:
            for packed in self._order:
                place = packed >> _KIND_BITS & ((1 << _PLACE_BITS) - 1)
                minutes = packed >> (_PLACE_BITS + _KIND_BITS)
                line = lines[place : lines.find(b"\n", place)]
                yield Event(
                    _EPOCH + timedelta(minutes=minutes), Kind(packed & 3), line.decode().rstrip("\r").split(",")
                )

    def _packed(self) -> Iterator[int]:
        """(minute, place of the line, kind) of each event in one integer that sorts by time."""
        with self._file.open("rb") as file:
            place = len(file.readline())
            for line in file:
                fields = line.decode().rstrip("\r\n").split(",")
                if int(fields[1]) <= self._months:
                    for kind, at in self._history(fields):
                        minutes = (at - _EPOCH) // timedelta(minutes=1)
                        yield minutes << (_PLACE_BITS + _KIND_BITS) | place << _KIND_BITS | kind
                place += len(line)

    def _history(self, fields: list[str]) -> Iterator[tuple[Kind, datetime]]:
        scheduled = datetime.fromisoformat(fields[18]) + timedelta(minutes=int(fields[17]))
        yield Kind.SCHEDULED, scheduled - NOTICE
        if fields[3] == "NA":
            yield Kind.CANCELLED, scheduled
            return
        departed = scheduled + timedelta(minutes=int(fields[5]))
        yield Kind.DEPARTED, departed
        if fields[6] != "NA":
            yield Kind.ARRIVED, self._arrival(departed, fields[13], fields[6])

    def _arrival(self, departed: datetime, airport: str, clock: str) -> datetime:
        """The first moment after the departure at which the clock there shows this time."""
        hours, dst = self._zones.get(airport, _ATLANTIC)
        if dst == "A" and _SUMMER[0] <= departed < _SUMMER[1]:
            hours += 1
        minute = int(clock) // 100 * 60 + int(clock) % 100 - hours * 60
        return departed + timedelta(minutes=(minute - departed.hour * 60 - departed.minute) % 1440)


def _zones(file: Path) -> dict[str, tuple[int, str]]:
    """Airport: (hours from UTC in winter, rule for summer time); the last three columns hold no commas."""
    zones = {}
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        airport, *_, hours, dst, _zone = line.split(",")
        zones[airport] = int(hours), dst
    return zones
