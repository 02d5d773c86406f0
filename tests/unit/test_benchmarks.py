"""The benchmark measures what it says: records of one size, both sides of every ratio, and aims judged by them."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.flow import Flow, Load
from benchmarks.latency import Latency
from benchmarks.records import RECORD_BYTES, account_id, line, record
from benchmarks.result import Result
from benchmarks.services import Usage
from benchmarks.side import Against, Side
from benchmarks.snapshot import Loading
from benchmarks.stage import COLUMNS
from benchmarks.statistics import Counted
from benchmarks.table import show
from local_stack.servers import Servers

SERVERS = Servers("mysql://", "kafka", "sqs", "9.7.4", "4.3.1", "1.7.1", origin="made up")
NEW = Load("100 on new keys", 100, 100)
HOT = Load("100 on 10 hot keys", 100, 10)


def side(per_second: float, client: float = 1.0, server: float | None = 2.0) -> Side:
    return Side(per_second, client, server)


def flow(load: Load, per_second: float, *, requests: float = 1.0) -> Flow:
    direct = Against(side(80_000), side(100_000, 0.1, 1.4))
    return Flow(load, side(per_second), direct, requests, {"master": Usage(150.0, 140.0, 3.0)})


def result(*flows: Flow) -> Result:
    loading = Loading(1000, side(60_000), Against(side(90_000), side(100_000)), Usage(201.0, 100.0, 1.0))
    latency = Latency(1000, 50, 0, 39.0, 121.0, 130.0, 1.5, 80.0)
    plain = Against(side(1_000_000), side(1_500_000))
    counts = Counted(9000, 90, side(900_000), side(100_000), side(1_200_000), side(9_000_000), plain)
    return Result(SERVERS, 2, (loading,), flows, latency, (counts,))


@given(st.integers(0, 999_999_999), st.integers(0, 10**9))
def test_every_record_is_a_document_of_the_same_size(entity, number):
    text = record(entity, number)

    assert len(text) == RECORD_BYTES
    assert json.loads(text)["accountID"] == account_id(entity)


@given(st.integers(0, 999_999_999), st.integers(0, 10**9))
def test_the_row_of_a_record_has_its_values(entity, number):
    document = json.loads(record(entity, number))
    row = dict(zip(COLUMNS, line(entity, number).decode().removesuffix("\n").split("\t"), strict=True))

    assert row["id"] == document["accountID"]
    assert int(row["points"]) == document["points"]
    assert float(row["balance"]) == document["balance"]
    assert json.loads(row["settings"]) == document["settings"]
    assert bool(int(row["active"])) is document["active"]


def test_hot_keys_come_again_with_other_numbers():
    assert list(Load("", 5, 2).numbers()) == [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4)]


def test_the_faster_look_at_the_direct_way_counts():
    against = Against(side(80.0), side(100.0))

    assert (against.best.per_second, against.quiet) == (100.0, 0.8)


@pytest.mark.parametrize(
    ("what", "met"),
    [
        ("snapshot to raw, 1,000", True),
        ("flow, 100 on new keys", False),
        ("flow, hot keys to new keys", True),
        ("SQS requests per 1,000, 100 on new keys", True),
        ("SQS requests per 1,000, 100 on 10 hot keys", False),
        ("latency p50 at 1,000/s", True),
        ("latency p99 at 1,000/s", False),
        ("memory of loader, 1,000", False),
        ("memory of master, 100 on new keys", True),
    ],
)
def test_every_aim_is_judged(what, met):
    lines = {one.what: one for one in result(flow(NEW, 29_000), flow(HOT, 30_000, requests=5.1)).lines()}

    assert lines[what].met is met


def test_both_sides_of_a_ratio_are_told_with_the_version_of_mysql():
    found = json.loads(json.dumps(result(flow(NEW, 30_000)).to_json()))

    assert found["mysql_version"] == "9.7.4"
    assert found["quiet"] == pytest.approx(2 / 3)
    (one,) = found["flow"]
    assert (one["pipeline"]["per_second"], one["direct"]["after"]["per_second"], one["ratio"]) == (30_000, 100_000, 0.3)
    assert one["processor_ratio"] == pytest.approx(0.5)


def test_each_way_to_count_is_told_against_the_plain_statement():
    lines = {one.what: one for one in result().lines()}

    assert lines["statistic of 9,000, in full, as a whole"].ratio == "0.60"
    assert lines["statistic of 9,000, 90 changed"].ratio == "0.80"


def test_a_server_that_cannot_be_looked_into_leaves_the_rest():
    unseen = Flow(NEW, side(1.0, server=None), Against(side(2.0, server=None), side(2.0, server=None)), 1.0, {})

    assert result(unseen).to_json()["flow"][0]["processor_ratio"] is None


def test_the_table_warns_when_the_machine_had_other_things_to_do():
    console = Console(record=True, width=150, file=io.StringIO())
    show(result(flow(NEW, 30_000)), console)
    text = console.export_text()

    assert "MySQL 9.7.4" in text
    assert "This machine was busy" in text
    assert "100,000 /s REPLACE" in text
