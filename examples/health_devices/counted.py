"""What the statistics must say, counted from the model's documents without any SQL."""

from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

from examples.health_devices.expected import TABLES
from examples.scenario import Model

_COLUMNS = next(table.columns for table in TABLES if table.name == "devices")
_OWNER, _REGION, _MODEL, _STATUS = map(_COLUMNS.index, ("owner_id", "region", "model", "status"))


def active_devices(model: Model) -> dict[tuple[str, str], int]:
    """{(region, model): devices}."""
    rows = model.rows("devices")
    return dict(Counter((str(row[_REGION]), str(row[_MODEL])) for row in rows if row[_STATUS] == "active"))


def device_owners(model: Model) -> dict[str, tuple[int, Decimal]]:
    """{region: (people with a device, how many they have on average)}."""
    owners: dict[str, list[object]] = defaultdict(list)
    for row in model.rows("devices"):
        if row[_OWNER] is not None:
            owners[str(row[_REGION])].append(row[_OWNER])
    return {
        region: (people := len(set(found)), (Decimal(len(found)) / people).quantize(Decimal("0.01"), ROUND_HALF_UP))
        for region, found in owners.items()
    }
