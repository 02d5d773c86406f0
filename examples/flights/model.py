"""What the processed schema must hold, worked out from the CSV files alone."""

import csv
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from examples.scenario import Counts, ExpectedReject, ExpectedTable, LogRecord, Row
from examples.snapshot_files import lines

_ORDER_OF_INGEST = frozenset({"source_sequence"})
_KEY = ("year", "month", "day", "carrier", "flight", "origin")

TABLES = (
    ExpectedTable("airlines", "airlines", ("carrier", "name"), ("carrier",), unchecked=_ORDER_OF_INGEST),
    ExpectedTable(
        "airports",
        "airports",
        ("faa", "name", "latitude", "longitude", "altitude_ft", "utc_offset_hours", "dst", "time_zone"),
        ("faa",),
        unchecked=_ORDER_OF_INGEST,
    ),
    ExpectedTable(
        "planes",
        "planes",
        ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine"),
        ("tailnum",),
        unchecked=_ORDER_OF_INGEST,
    ),
    ExpectedTable(
        "flights",
        "flights",
        (
            *_KEY,
            *("dest", "tailnum", "status", "scheduled_at", "departed_at", "scheduled_departure", "scheduled_arrival"),
            *("departure", "arrival", "departure_delay", "arrival_delay", "air_time", "distance"),
        ),
        _KEY,
        unchecked=_ORDER_OF_INGEST,
    ),
)


class FlightsModel:
    """Where the snapshot was cut makes no difference to the end, so only the counts look at it."""

    tables: tuple[ExpectedTable, ...] = TABLES

    def __init__(self, folder: Path, months: int, file: Path) -> None:
        self._folder = folder
        self._months = months
        self._snapshot_rows: Counter[str] = Counter()
        self._stream_rows: Counter[str] = Counter()
        file.unlink(missing_ok=True)
        self._sorted = sqlite3.connect(file, isolation_level=None)
        self._sorted.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")

    def snapshot(self, folder: Path) -> None:
        self._snapshot_rows.update(line.stream for line in lines(folder))

    def stream(self, records: Iterable[LogRecord]) -> None:
        self._stream_rows.update(record.topic.rpartition(".")[2] for record in records)

    def rows(self, table: str) -> Iterator[Row]:
        match table:
            case "airlines":
                yield from sorted((row["carrier"], row["name"]) for row in self._read("airlines"))
            case "airports":
                yield from sorted(_airport(row) for row in self._read("airports"))
            case "planes":
                flown = {row["tailnum"] for row in self._flights()}
                yield from (row for row in sorted(map(_plane, self._read("planes")), key=_first) if row[0] in flown)
            case _:
                yield from self._flights_in_order()

    def rejects(self) -> list[ExpectedReject]:
        """Real data, and every oddity in it has a rule."""
        return []

    def counts(self) -> dict[str, Counts]:
        streams = [table.stream for table in self.tables]
        return {stream: Counts(self._snapshot_rows[stream], self._stream_rows[stream], 0) for stream in streams}

    def close(self) -> None:
        self._sorted.close()

    def _read(self, table: str) -> Iterator[dict[str, str]]:
        with (self._folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def _flights(self) -> Iterator[dict[str, str]]:
        return (row for row in self._read("flights") if int(row["month"]) <= self._months)

    def _flights_in_order(self) -> Iterator[Row]:
        """Sorted on disk: the file has the months in the order 1, 10, 11, 12, 2 …"""
        places = ", ".join("?" * len(TABLES[3].columns))
        self._sorted.execute("DROP TABLE IF EXISTS flights")
        self._sorted.execute(f"CREATE TABLE flights ({', '.join(TABLES[3].columns)})")
        self._sorted.execute("BEGIN")
        self._sorted.executemany(f"INSERT INTO flights VALUES ({places})", map(_flight, self._flights()))  # noqa: S608 - question marks
        self._sorted.execute("COMMIT")
        for row in self._sorted.execute(f"SELECT * FROM flights ORDER BY {', '.join(_KEY)}"):  # noqa: S608 - our own names
            yield *row[:9], _moment(row[9]), _moment(row[10]), *row[11:]


def _flight(row: dict[str, str]) -> Row:
    scheduled = datetime.strptime(row["time_hour"], "%Y-%m-%dT%H:%M:%SZ") + timedelta(minutes=int(row["minute"]))  # noqa: DTZ007 - the Z is matched
    delay = _integer(row["dep_delay"])
    departed = None if delay is None else scheduled + timedelta(minutes=delay)
    status = "cancelled" if departed is None else "departed" if row["arr_time"] == "NA" else "arrived"
    return (
        *(int(row["year"]), int(row["month"]), int(row["day"]), row["carrier"], int(row["flight"]), row["origin"]),
        *(row["dest"], _text(row["tailnum"]), status),
        *(scheduled.isoformat(), departed and departed.isoformat()),
        *map(_clock, (row["sched_dep_time"], row["sched_arr_time"], row["dep_time"], row["arr_time"])),
        *(delay, _integer(row["arr_delay"]), _integer(row["air_time"]), int(row["distance"])),
    )


def _airport(row: dict[str, str]) -> Row:
    place = Decimal(row["lat"]), Decimal(row["lon"])
    return row["faa"], row["name"], *place, int(row["alt"]), int(row["tz"]), row["dst"], _text(row["tzone"])


def _plane(row: dict[str, str]) -> Row:
    kind = row["type"], row["manufacturer"], row["model"]
    size = int(row["engines"]), int(row["seats"]), _integer(row["speed"])
    return row["tailnum"], _integer(row["year"]), *kind, *size, row["engine"]


def _clock(text: str) -> str | None:
    """517 is 05:17; 2400 ends its day, so it stays 24:00."""
    return None if text == "NA" else f"{text.zfill(4)[:2]}:{text.zfill(4)[2:]}"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _first(row: Row) -> str:
    return str(row[0])


def _text(text: str) -> str | None:
    return None if text == "NA" else text


def _integer(text: str) -> int | None:
    return None if text == "NA" else int(text)
