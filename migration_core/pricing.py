"""A dated file of prices, read with the line of every fault."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from migration_core.errors import ConfigError
from migration_core.mapping.source import read_yaml

STALE_AFTER = dt.timedelta(days=180)
NAMES = frozenset(
    {
        "fargate_arm64_vcpu_hour", "fargate_arm64_gib_hour", "fargate_x86_64_vcpu_hour", "fargate_x86_64_gib_hour",
        "fargate_spot_part", "rds_gib_month", "rds_iops_month", "msk_broker_hour", "msk_gib_month", "sqs_million",
        "efs_gib_month", "efs_written_gib", "efs_read_gib", "metric_month", "logs_gib", "log_kept_gib_month",
        "nat_hour", "nat_gib", "endpoint_hour", "key_month", "secret_month", "transitions_thousand",
    }
)  # fmt: skip
_BEGINS = "a file of prices begins with `date:`, `region:` and `prices:`; see docs/cost.md"
_Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Part):
    """In US dollars for one unit, and where it is from."""

    usd: _Amount
    source: str = Field(min_length=1)


class Prices(_Part):
    """Of one region at one date."""

    date: dt.date
    region: str
    prices: Mapping[str, Price]
    instances: Mapping[str, Price] = Field(min_length=1)
    """An hour of a MySQL server by its class, in one zone."""

    @model_validator(mode="after")
    def _all(self) -> "Prices":
        if missing := sorted(NAMES - self.prices.keys()):
            raise ValueError(f"these prices are missing: {', '.join(missing)}")
        if unknown := sorted(self.prices.keys() - NAMES):
            raise ValueError(f"these prices are of nothing that is known: {', '.join(unknown)}")
        return self

    def usd(self, name: str) -> Decimal:
        """One unit of anything but an instance."""
        return self.prices[name].usd

    def stale(self, today: dt.date) -> bool:
        """Whether they are too old to be believed without a look."""
        return today - self.date > STALE_AFTER


def load_prices(text: str, *, file: str) -> Prices:
    """ConfigError names every fault as `file:line:column: what`."""
    source = read_yaml(text, file=file, begins=_BEGINS)
    plain = source.plain()
    try:
        return Prices.model_validate(plain | {"date": str(plain.get("date", ""))})
    except ValidationError as error:
        told = [
            f"{source.place(one['loc'])}: {'.'.join(map(str, one['loc'])) or 'prices'}: "
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(told)) from None
