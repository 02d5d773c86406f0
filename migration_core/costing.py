"""What a migration costs on AWS, line by line. Pure; money is Decimal, each line rounded half up to a cent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from migration_core.errors import ConfigError
from migration_core.pricing import Prices

_CENT = Decimal("0.01")
_MONTH_HOURS = Decimal(730)
_GIB = Decimal(1 << 30)
_GROWN = Decimal("3.5")
"""Raw rows, processed rows with two indexes, and room: bytes of the server for each byte of a record."""
_SERVICES = 2
_FREE_IOPS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What runs, for how long, with how much data."""

    records_per_day: int = 6_000_000
    record_bytes: int = 457
    snapshot_rows: int = 20_000_000
    hours: int = 730
    workers: int = 2
    spot_percent: int = 50
    architecture: str = "arm64"
    raw_days: int = 30
    nat_gateways: int = 1
    endpoints: int = 6
    instance: str = "r7g.xlarge"
    zones: int = 2
    iops: int = 3000
    brokers: int = 0
    requests_per_thousand: int = 66
    storage_gib: int = 0
    """Of the MySQL server; 0 for what records and rows come to."""
    metrics: int = 120
    log_bytes_per_second: int = 400
    """Of each task: its metrics twice a minute, and its events."""
    keys: int = 1
    secrets: int = 2
    transitions: int = 1000

    @property
    def assumed(self) -> str:
        """What the lines do not say of themselves."""
        stored = (
            f"{self.storage_gib:,} GiB in MySQL" if self.storage_gib else f"{_GROWN} bytes in MySQL for each of them"
        )
        return (
            f"{self.record_bytes:,} bytes a record, {stored}, raw rows kept for {self.raw_days} days, "
            f"{self.requests_per_thousand} SQS requests for 1,000 records, "
            f"{self.log_bytes_per_second} bytes of log a second and task"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of cost, of the whole window."""

    name: str
    usd: Decimal
    what: str


@dataclass(frozen=True, slots=True)
class Saving:
    """One setting that could be another."""

    what: str
    usd: Decimal


def total(lines: Sequence[Line]) -> Decimal:
    """The sum of the rounded lines, so that the table adds up."""
    return sum((one.usd for one in lines), Decimal(0))


def cost(usage: Usage, prices: Prices) -> tuple[Line, ...]:
    """Every line, the dearest first."""
    if usage.instance not in prices.instances:
        raise ConfigError(f"no price of {usage.instance}: name one of {', '.join(prices.instances)}, or add it")
    found = [Line(name, usd.quantize(_CENT, ROUND_HALF_UP), what) for name, usd, what in _lines(usage, prices)]
    return tuple(sorted(found, key=lambda one: (-one.usd, one.name)))


def savings(usage: Usage, prices: Prices, most: int = 3) -> tuple[Saving, ...]:
    """The settings that would save most, each changed alone."""
    now = total(cost(usage, prices))
    found = [Saving(what, now - total(cost(other, prices))) for what, other in _others(usage, prices)]
    return tuple(sorted((one for one in found if one.usd > 0), key=lambda one: (-one.usd, one.what))[:most])


def stored_gib(usage: Usage) -> Decimal:
    """Of the server: what is said, or the snapshot and the records of the days that raw rows are kept, at most those of
    the window."""
    if usage.storage_gib:
        return Decimal(usage.storage_gib)
    days = min(Decimal(usage.raw_days), Decimal(usage.hours) / 24)
    rows = usage.snapshot_rows + usage.records_per_day * days
    return max(Decimal(20), rows * usage.record_bytes * _GROWN / _GIB)


def _lines(usage: Usage, prices: Prices) -> Iterator[tuple[str, Decimal, str]]:
    months = usage.hours / _MONTH_HOURS
    records = usage.records_per_day * Decimal(usage.hours) / 24
    yield from _tasks(usage, prices, months)
    yield from _server(usage, prices, months)
    yield from _moved(usage, prices, months, records)
    yield from _around(usage, prices, months)


def _tasks(usage: Usage, prices: Prices, months: Decimal) -> Iterator[tuple[str, Decimal, str]]:
    usd, tasks = prices.usd, usage.workers + _SERVICES
    an_hour = usd(f"fargate_{usage.architecture}_vcpu_hour") + 2 * usd(f"fargate_{usage.architecture}_gib_hour")
    spot = Decimal(usage.spot_percent) / 100
    workers = usage.workers * an_hour * (1 - spot + spot * usd("fargate_spot_part")) * usage.hours
    yield "Fargate: workers", workers, f"{usage.workers} tasks, {usage.spot_percent} % Spot"
    yield "Fargate: master, verifier", _SERVICES * an_hour * usage.hours, "2 tasks of 1 vCPU, 2 GiB"
    logs = tasks * usage.log_bytes_per_second * usage.hours * 3600 / _GIB
    yield "CloudWatch: logs", logs * (usd("logs_gib") + usd("log_kept_gib_month") * months), f"{logs:,.1f} GiB"


def _server(usage: Usage, prices: Prices, months: Decimal) -> Iterator[tuple[str, Decimal, str]]:
    usd, stored, above = prices.usd, stored_gib(usage), max(0, usage.iops - _FREE_IOPS)
    server = prices.instances[usage.instance].usd * usage.zones * usage.hours
    yield "MySQL: server", server, f"{usage.instance}, {usage.zones} zones"
    yield "MySQL: storage", stored * usd("rds_gib_month") * usage.zones * months, f"{stored:,.0f} GiB"
    yield "MySQL: IOPS", above * usd("rds_iops_month") * usage.zones * months, f"{above:,} above {_FREE_IOPS:,}"


def _moved(usage: Usage, prices: Prices, months: Decimal, records: Decimal) -> Iterator[tuple[str, Decimal, str]]:
    usd = prices.usd
    snapshot, streamed = usage.snapshot_rows * usage.record_bytes / _GIB, records * usage.record_bytes / _GIB
    kept = usage.brokers * (usd("msk_broker_hour") * usage.hours + streamed / 4 * usd("msk_gib_month") * months)
    yield "Kafka: MSK", kept, f"{usage.brokers} brokers" if usage.brokers else "not in this account"
    requests = records * usage.requests_per_thousand / 1000 / 1_000_000
    yield "SQS", requests * usd("sqs_million"), f"{requests:,.1f} M requests"
    once = usd("efs_written_gib") + usd("efs_read_gib")
    yield "EFS", snapshot * (usd("efs_gib_month") * months + once), f"{snapshot:,.1f} GiB, elastic"
    carried = streamed * usd("nat_gib") if usage.nat_gateways else Decimal(0)
    nat = usage.nat_gateways * usd("nat_hour") * usage.hours + carried
    yield "NAT gateways", nat, f"{usage.nat_gateways}, records through them"


def _around(usage: Usage, prices: Prices, months: Decimal) -> Iterator[tuple[str, Decimal, str]]:
    usd = prices.usd
    secrets = (usage.keys * usd("key_month") + usage.secrets * usd("secret_month")) * months
    yield "CloudWatch: metrics", usage.metrics * usd("metric_month") * months, f"{usage.metrics:,} metrics"
    yield "VPC endpoints", usage.endpoints * 2 * usd("endpoint_hour") * usage.hours, f"{usage.endpoints} in 2 zones"
    yield "KMS, Secrets Manager", secrets, f"keys: {usage.keys}, secrets: {usage.secrets}"
    yield (
        "Step Functions",
        usage.transitions / Decimal(1000) * usd("transitions_thousand"),
        f"{usage.transitions:,} steps",
    )


def _others(usage: Usage, prices: Prices) -> Iterator[tuple[str, Usage]]:
    ordered = sorted(prices.instances, key=lambda name: prices.instances[name].usd)
    place = ordered.index(usage.instance)
    if place:
        yield f"--instance {ordered[place - 1]}", replace(usage, instance=ordered[place - 1])
    if usage.zones > 1:
        yield "--zones 1 (no standby)", replace(usage, zones=1)
    yield "--spot-percent 100", replace(usage, spot_percent=100)
    yield "--architecture arm64", replace(usage, architecture="arm64")
    yield "--workers 1", replace(usage, workers=min(usage.workers, 1))
    yield "--raw-days 7", replace(usage, raw_days=min(usage.raw_days, 7))
    yield "--nat-gateways 0", replace(usage, nat_gateways=0)
    yield "--endpoints 0", replace(usage, endpoints=0)
    yield "--brokers 0 (Kafka of the old platform)", replace(usage, brokers=0)
