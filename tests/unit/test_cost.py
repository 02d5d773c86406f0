"""What a migration costs: lines that add up, more work that never costs less, prices that are read with care."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from migration_cli.app import app
from migration_cli.cost import PRICES, read_prices
from migration_core.costing import Usage, cost, savings, total
from migration_core.errors import ConfigError
from migration_core.pricing import STALE_AFTER, load_prices

ROOT = Path(__file__).parents[2]
TEXT = PRICES.read_text(encoding="utf-8")
LISTED = read_prices(PRICES)
QUANTITIES = (
    "records_per_day", "record_bytes", "snapshot_rows", "hours", "workers", "raw_days", "nat_gateways", "endpoints",
    "zones", "iops", "brokers", "requests_per_thousand", "storage_gib", "metrics", "log_bytes_per_second", "keys",
    "secrets", "transitions",
)  # fmt: skip
usages = st.builds(
    Usage,
    records_per_day=st.integers(0, 10**9),
    record_bytes=st.integers(1, 10**6),
    snapshot_rows=st.integers(0, 10**9),
    hours=st.integers(1, 10_000),
    workers=st.integers(1, 50),
    spot_percent=st.integers(0, 100),
    architecture=st.sampled_from(("arm64", "x86_64")),
    raw_days=st.integers(0, 400),
    instance=st.sampled_from(sorted(LISTED.instances)),
    brokers=st.integers(0, 9),
    iops=st.integers(0, 50_000),
    storage_gib=st.one_of(st.just(0), st.integers(20, 65_536)),
)


@given(usages, st.sampled_from(QUANTITIES), st.integers(1, 1000))
def test_more_of_anything_never_costs_less(usage, name, more):
    assume(name != "storage_gib" or usage.storage_gib)  # 0 stands for what records come to
    larger = replace(usage, **{name: getattr(usage, name) + more})

    assert total(cost(larger, LISTED)) >= total(cost(usage, LISTED))


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_counts(name):
    usage = Usage(nat_gateways=1, brokers=3, iops=4000, raw_days=5, storage_gib=500 if name == "storage_gib" else 0)
    larger = replace(usage, **{name: getattr(usage, name) * 2})

    assert total(cost(larger, LISTED)) > total(cost(usage, LISTED))


@given(usages)
def test_lines_are_whole_cents_and_add_up_to_the_total(usage):
    lines = cost(usage, LISTED)

    assert all(one.usd == one.usd.quantize(Decimal("0.01")) for one in lines)
    assert total(lines) == sum(one.usd for one in lines)
    assert [one.usd for one in lines] == sorted((one.usd for one in lines), reverse=True)


@given(usages)
def test_what_would_save_most_does_save_and_is_named_in_that_order(usage):
    found = savings(usage, LISTED)

    assert len(found) <= 3
    assert all(one.usd > 0 for one in found)
    assert [one.usd for one in found] == sorted((one.usd for one in found), reverse=True)


def test_spot_costs_the_part_that_the_file_says():
    def workers(percent):
        lines = cost(Usage(spot_percent=percent, workers=10), LISTED)
        return next(one.usd for one in lines if one.name == "Fargate: workers")

    assert abs(workers(100) - workers(0) * LISTED.usd("fargate_spot_part")) <= Decimal("0.01")


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("sqs_million: {usd: 0.50", "sqs_million: {usd: -1", "prices.sqs_million.usd"),
        ("sqs_million: {usd: 0.50", "sqs_million: {euro: 0.50", "prices.sqs_million.usd: Field required"),
        ("  sqs_million:", "  sqs_milion:", "these prices are missing: sqs_million"),
        ("date: 2026-11-26", "date: yesterday", ":3:1: date: "),
        ("  nat_hour: {usd: 0.045", "  nat_hour: {usd: much", ":22:14: prices.nat_hour.usd: "),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_place(good, bad, told):
    assert good in TEXT
    with pytest.raises(ConfigError) as raised:
        load_prices(TEXT.replace(good, bad, 1), file="my.yaml")

    assert told in str(raised.value)
    assert re.match(r"my\.yaml:\d+:\d+: ", str(raised.value))


def test_prices_are_stale_after_half_a_year():
    assert not LISTED.stale(LISTED.date + STALE_AFTER)
    assert LISTED.stale(LISTED.date + STALE_AFTER + timedelta(days=1))


def test_stale_prices_are_warned_of_beside_the_answer(tmp_path):
    old = tmp_path / "old.yaml"
    old.write_text(TEXT.replace(f"date: {LISTED.date}", f"date: {date(2020, 1, 1)}"), encoding="utf-8")

    answer = CliRunner().invoke(app, ["cost", "--json", "--prices", str(old)])

    assert "the prices are of 2020-01-01" in answer.stderr
    found = json.loads(answer.stdout)
    assert Decimal(found["total"]) == sum(Decimal(one["usd"]) for one in found["lines"])


def test_an_instance_without_a_price_is_refused_with_those_that_have_one():
    with pytest.raises(ConfigError, match=r"no price of z1\.huge: name one of r7g\.large"):
        cost(Usage(instance="z1.huge"), LISTED)


def test_the_example_on_the_page_is_what_the_command_says():
    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    [(command, shown)] = re.findall(r"^\$ migration (cost.*)\n((?:.*\n)+?)```", page, re.MULTILINE)

    said = CliRunner().invoke(app, command.split()).stdout

    assert [line.rstrip() for line in said.splitlines()] == shown.splitlines()
