"""`migration cost`: what a migration costs on AWS, and where the money goes."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.console import Json, complain, say, say_json, show_table

if TYPE_CHECKING:
    from migration_core.costing import Usage
    from migration_core.pricing import Prices

PRICES = Path(__file__).with_name("prices.yaml")
_BAR = 20


class Architecture(StrEnum):
    """What Fargate runs on."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


def cost(
    *,
    records_per_day: Annotated[int, typer.Option(min=0, help="Records of the stream.")] = 6_000_000,
    record_bytes: Annotated[int, typer.Option(min=1, help="Mean size of one record.")] = 457,
    snapshot_rows: Annotated[int, typer.Option(min=0, help="Rows of the snapshot.")] = 20_000_000,
    hours: Annotated[int, typer.Option(min=1, help="How long everything runs.")] = 730,
    workers: Annotated[int, typer.Option(min=1, help="Worker tasks, on average.")] = 2,
    spot_percent: Annotated[int, typer.Option(min=0, max=100, help="Share of workers on Spot.")] = 50,
    architecture: Annotated[Architecture, typer.Option(help="Of all tasks.")] = Architecture.ARM64,
    raw_days: Annotated[int, typer.Option(min=0, help="How long raw rows are kept.")] = 30,
    nat_gateways: Annotated[int, typer.Option(min=0, help="None where nothing reaches out of the VPC.")] = 1,
    endpoints: Annotated[int, typer.Option(min=0, help="Interface endpoints, each in two zones.")] = 6,
    instance: Annotated[str, typer.Option(help="Class of the MySQL server.")] = "r7g.xlarge",
    zones: Annotated[int, typer.Option(min=1, max=2, help="2 with a standby.")] = 2,
    iops: Annotated[int, typer.Option(min=0, help="Of the server's storage.")] = 3000,
    brokers: Annotated[int, typer.Option(min=0, help="MSK brokers in this account; 0 where Kafka is elsewhere.")] = 0,
    requests_per_thousand: Annotated[
        int, typer.Option(min=0, help="SQS requests for 1,000 records; docs/benchmarks.md, row d.")
    ] = 66,
    storage_gib: Annotated[
        int, typer.Option(min=0, help="Of the MySQL server; 0 for what records and rows come to.")
    ] = 0,
    metrics: Annotated[int, typer.Option(min=0, help="In CloudWatch: about 15 a stream, and 60.")] = 120,
    log_bytes_per_second: Annotated[int, typer.Option(min=0, help="Of each task.")] = 400,
    keys: Annotated[int, typer.Option(min=0, help="In KMS.")] = 1,
    secrets: Annotated[int, typer.Option(min=0, help="In Secrets Manager.")] = 2,
    transitions: Annotated[int, typer.Option(min=0, help="Steps of Step Functions.")] = 1000,
    prices: Annotated[Path, typer.Option("--prices", help="A file of prices like the one that comes along.")] = PRICES,
    as_json: Json = False,
) -> None:
    """Say what a migration costs on AWS, line by line, and which settings would save most.

    List prices of one date, before tax and discounts; docs/cost.md says what is assumed.

    Example: migration cost --records-per-day 6000000 --hours 730 --workers 2
    """
    from datetime import UTC, datetime

    from migration_core.costing import Usage

    usage = Usage(
        records_per_day=records_per_day,
        record_bytes=record_bytes,
        snapshot_rows=snapshot_rows,
        hours=hours,
        workers=workers,
        spot_percent=spot_percent,
        architecture=architecture.value,
        raw_days=raw_days,
        nat_gateways=nat_gateways,
        endpoints=endpoints,
        instance=instance,
        zones=zones,
        iops=iops,
        brokers=brokers,
        requests_per_thousand=requests_per_thousand,
        storage_gib=storage_gib,
        metrics=metrics,
        log_bytes_per_second=log_bytes_per_second,
        keys=keys,
        secrets=secrets,
        transitions=transitions,
    )
    listed = read_prices(prices)
    if listed.stale(datetime.now(UTC).date()):
        complain(f"the prices are of {listed.date}: check them, and change the date in {prices}")
    _show(usage, listed, as_json=as_json)


def read_prices(path: Path) -> "Prices":
    """ConfigError when it cannot be read or is wrong."""
    from migration_core.errors import ConfigError
    from migration_core.pricing import load_prices

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}; name a file of prices with --prices") from error
    return load_prices(text, file=str(path))


def _show(usage: "Usage", prices: "Prices", *, as_json: bool) -> None:
    from dataclasses import asdict

    from migration_core.costing import cost as lines_of
    from migration_core.costing import savings, total

    lines = lines_of(usage, prices)
    whole, saved = total(lines), savings(usage, prices)
    if as_json:
        say_json(
            {"region": prices.region, "date": prices.date, "usage": asdict(usage), "assumed": usage.assumed,
             "lines": lines, "total": whole, "savings": saved}
        )  # fmt: skip
        return
    shares = [100 * one.usd / whole if whole else whole for one in lines]
    show_table(
        ("line", "USD", "%", "", "of"),
        [
            (one.name, f"{one.usd:,.2f}", f"{share:.0f}", "#" * round(_BAR * share / 100), one.what)
            for one, share in zip(lines, shares, strict=True)
        ],
    )
    say(f"total {whole:,.2f} USD for {usage.hours:,} hours in {prices.region}, list prices of {prices.date}")
    say(f"assumed: {usage.assumed}")
    say("would save most: " + "; ".join(f"{one.what}: {one.usd:,.2f}" for one in saved))
